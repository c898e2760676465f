// copy.wgsl    y[i] = x[i]
//
// Shapes     x, y: n words of any type, n < 2^32
// Bindings   0 params (uniform)   1 x (read)   2 y (read_write), another buffer than x
// Dispatch   workgroups of 256 words each, counted along x first
// Tested by  tests/ops/webgpu_rows.c against the portable op

struct Params { n: u32, x_at: u32, y_at: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) n_wg: vec3u, @builtin(local_invocation_index) lane: u32) {
    let i = (wg.y * n_wg.x + wg.x) * 256u + lane;
    if (i < p.n) { y[p.y_at + i] = x[p.x_at + i]; }
}
