// rmsnorm.wgsl    y[t,i] = x[t,i] * inverseSqrt(mean_i(x[t,i]^2) + eps) * w[i]
//
// Shapes     x, y: [T, D] f32   w: [D] f32   any D >= 1
// Bindings   0 params (uniform)   1 x (read)   2 w (read)   3 y (read_write), another buffer than x
// Dispatch   one workgroup for each row, counted along x first; 256 threads stride over D
// Tested by  tests/ops/webgpu_rows.c against the portable op

struct Params { rows: u32, dim: u32, eps: f32, x_at: u32, w_at: u32, y_at: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
const WG = 256u;
var<workgroup> part: array<f32, WG>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) n_wg: vec3u, @builtin(local_invocation_index) lane: u32) {
    let row = wg.y * n_wg.x + wg.x;
    if (row >= p.rows) { return; }
    let x_at = p.x_at + row * p.dim;
    let y_at = p.y_at + row * p.dim;
    var sum = 0.0;
    for (var i = lane; i < p.dim; i += WG) { sum += x[x_at + i] * x[x_at + i]; }
    part[lane] = sum;
    workgroupBarrier();
    for (var n = WG / 2u; n > 0u; n /= 2u) {
        if (lane < n) { part[lane] += part[lane + n]; }
        workgroupBarrier();
    }
    let scale = inverseSqrt(part[0] / f32(p.dim) + p.eps);
    for (var i = lane; i < p.dim; i += WG) { y[y_at + i] = x[x_at + i] * scale * w[p.w_at + i]; }
}
