// kv_store_f32.wgsl    cache[h, pos + t, i] = x[t, h, i]
//
// Shapes     x: [T, H*D] f32   cache: [H, n_ctx, D] f32
// Bindings   0 params (uniform)   1 step (read): word 0 = pos   2 x (read)   3 cache (read_write)
// Dispatch   workgroups of 256 values each, counted along x first
// Tested by  tests/ops/webgpu_rows.c against the portable op

struct Params { n: u32, n_heads: u32, dim: u32, n_ctx: u32, x_at: u32, cache_at: u32 } // n = T * H * D
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> step: array<u32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> cache: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) n_wg: vec3u, @builtin(local_invocation_index) lane: u32) {
    let i = (wg.y * n_wg.x + wg.x) * 256u + lane;
    if (i >= p.n) { return; }
    let head = i / p.dim;
    let t = head / p.n_heads;
    let to = (head - t * p.n_heads) * p.n_ctx + step[0] + t;
    cache[p.cache_at + to * p.dim + (i - head * p.dim)] = x[p.x_at + i];
}
