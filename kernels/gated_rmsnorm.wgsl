// gated_rmsnorm.wgsl    y[r,i] = y[r,i] * inverseSqrt(mean_i(y[r,i]^2) + eps) * w[i] * silu(z[r,i])
//
// Shapes     y, z: [rows, D] f32, a row being a head of a token   w: [D] f32   any D >= 1
// Bindings   0 params (uniform)   1 z (read)   2 w (read)   3 y (read_write), another buffer than z
// Dispatch   one workgroup for each row, counted along x first; WG threads (a power of two) stride over D
// Tested by  tests/ops/webgpu_rows.c against the portable op

struct Params { rows: u32, dim: u32, eps: f32, z_at: u32, w_at: u32, y_at: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> z: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
override WG: u32 = 128u;
var<workgroup> part: array<f32, 256>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) n_wg: vec3u, @builtin(local_invocation_index) lane: u32) {
    let row = wg.y * n_wg.x + wg.x;
    if (row >= p.rows) { return; }
    let z_at = p.z_at + row * p.dim;
    let y_at = p.y_at + row * p.dim;
    var sum = 0.0;
    for (var i = lane; i < p.dim; i += WG) { sum += y[y_at + i] * y[y_at + i]; }
    part[lane] = sum;
    workgroupBarrier();
    for (var n = WG / 2u; n > 0u; n /= 2u) {
        if (lane < n) { part[lane] += part[lane + n]; }
        workgroupBarrier();
    }
    let scale = inverseSqrt(part[0] / f32(p.dim) + p.eps);
    for (var i = lane; i < p.dim; i += WG) {
        let gate = z[z_at + i];
        y[y_at + i] = y[y_at + i] * scale * w[p.w_at + i] * gate / (1.0 + exp(min(-gate, 80.0)));
    }
}
