// head_norm_rope_in_place.wgsl    y[t, head h] = rope(norm(y[t, head h]))
//
// The first 2 F of D values rotate: (a, b) = (v[j], v[j + F]) become (a cos - b sin, b cos + a sin), j < F; the rest pass through.
// norm(v)[i] = v[i] * inverseSqrt(mean(v^2) + eps) * w[i] with NORM, else v.
// Shapes     y: [T, y_row] f32, head h at y_head + h * y_stride   cs: [T, F, 2] f32   w: [D] f32   D <= 512
// Bindings   0 params (uniform)   1 cs (read)   2 w (read; anything without NORM)   3 y (read_write)
// Dispatch   one workgroup for each head of each token, counted along x first
// Tested by  tests/ops/webgpu_rows.c against the portable op

struct Params {
    n: u32, n_heads: u32, dim: u32, n_freq: u32, // n = T * n_heads
    y_at: u32, y_row: u32, y_stride: u32, cs_at: u32,
    w_at: u32, eps: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> cs: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
override NORM: bool = true;
const WG = 64u;
var<workgroup> part: array<f32, WG>;
var<workgroup> head: array<f32, 512>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) n_wg: vec3u, @builtin(local_invocation_index) lane: u32) {
    let row = wg.y * n_wg.x + wg.x;
    if (row >= p.n) { return; }
    let t = row / p.n_heads;
    let h = row - t * p.n_heads;
    let to = p.y_at + t * p.y_row + h * p.y_stride;
    var sum = 0.0;
    for (var i = lane; i < p.dim; i += WG) {
        let v = y[to + i];
        head[i] = v;
        sum += v * v;
    }
    part[lane] = sum;
    workgroupBarrier();
    for (var n = WG / 2u; n > 0u; n /= 2u) {
        if (lane < n) { part[lane] += part[lane + n]; }
        workgroupBarrier();
    }
    let scale = inverseSqrt(part[0] / f32(p.dim) + p.eps);
    for (var i = lane; i < p.dim; i += WG) {
        if (i >= p.n_freq && i < 2u * p.n_freq) { continue; } // written with its partner
        var a = head[i];
        if (NORM) { a *= scale * w[p.w_at + i]; }
        if (i >= p.n_freq) {
            y[to + i] = a;
            continue;
        }
        var b = head[i + p.n_freq];
        if (NORM) { b *= scale * w[p.w_at + i + p.n_freq]; }
        let turn = p.cs_at + 2u * (t * p.n_freq + i);
        y[to + i] = a * cs[turn] - b * cs[turn + 1u];
        y[to + i + p.n_freq] = b * cs[turn] + a * cs[turn + 1u];
    }
}
