// delta_step.wgsl    the delta rule of one token, then the gated norm: a head in one workgroup
//
//   S <- alpha S   d = beta (v - S k)   S <- S + d k^T   o = S q   y = o / sqrt(mean(o^2) + eps) * norm * silu(z)
//
// Shapes     c: [2*Hk*dk + Hv*dv + Hv] from delta_conv.wgsl   beta: [Hv] raw   z: [Hv*dv]   norm: [dv]   state: [Hv, dv, dk]
//            y: [Hv*dv]; f32; dk and dv multiples of 4, at most 128
// Bindings   0 params   1 c   2 beta   3 z   4 norm   5 state (read_write)   6 y (read_write)
// Dispatch   (Hv)
// Tested by  tests/ops/webgpu_delta.c

struct Params {
    Hk: u32, Hv: u32, dk4: u32, dv: u32,
    beta_at: u32, z_at: u32, norm_at: u32, state_at: u32, // state_at: in units of 4 values
    y_at: u32, tiled: u32, eps: f32, pad: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> c: array<f32>;
@group(0) @binding(2) var<storage, read> beta: array<f32>;
@group(0) @binding(3) var<storage, read> z: array<f32>;
@group(0) @binding(4) var<storage, read> norm: array<f32>;
@group(0) @binding(5) var<storage, read_write> state: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> y: array<f32>;

const WG = 256u;
const LANES = 8u; // threads that share a row
const ROWS = 32u; // rows at a time, WG / LANES
const MINE = 4u; // vec4f of a row that a thread holds, and rows of a thread: 128 / 4 / LANES, 128 / ROWS

var<workgroup> qs: array<vec4f, 32>;
var<workgroup> ks: array<vec4f, 32>;
var<workgroup> sums: array<vec2f, WG * MINE>; // k.S and q.S; [rows of a thread, WG]
var<workgroup> result: array<f32, WG>;
var<workgroup> squares: array<f32, WG>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
    let h = wg.x;
    let key_head = select(h / (p.Hv / p.Hk), h % p.Hk, p.tiled != 0u);
    if (lane < p.dk4) {
        let at = 4u * (key_head * p.dk4 + lane);
        qs[lane] = vec4f(c[at], c[at + 1u], c[at + 2u], c[at + 3u]);
        let k_at = at + 4u * p.Hk * p.dk4;
        ks[lane] = vec4f(c[k_at], c[k_at + 1u], c[k_at + 2u], c[k_at + 3u]);
    }
    workgroupBarrier();
    let first = lane % LANES;
    let row = lane / LANES;
    var S: array<vec4f, 16>; // [rows of a thread, MINE]
    for (var r = 0u; r < MINE; r++) {
        let at = p.state_at + (h * p.dv + row + r * ROWS) * p.dk4;
        var own = vec2f();
        if (row + r * ROWS < p.dv) {
            for (var i = 0u; i < MINE; i++) {
                let j = first + i * LANES;
                if (j < p.dk4) {
                    S[r * MINE + i] = state[at + j];
                    own += vec2f(dot(ks[j], S[r * MINE + i]), dot(qs[j], S[r * MINE + i]));
                }
            }
        }
        sums[r * WG + lane] = own;
    }
    var kk = 0.0;
    var qq = 0.0;
    var qk = 0.0;
    for (var j = 0u; j < p.dk4; j++) {
        kk += dot(ks[j], ks[j]);
        qq += dot(qs[j], qs[j]);
        qk += dot(qs[j], ks[j]);
    }
    let k_scale = inverseSqrt(kk + 1e-6);
    let q_scale = inverseSqrt(qq + 1e-6) * inverseSqrt(f32(4u * p.dk4));
    let alpha = c[4u * 2u * p.Hk * p.dk4 + p.Hv * p.dv + h];
    let strength = 1.0 / (1.0 + exp(-beta[p.beta_at + h]));
    workgroupBarrier();

    for (var r = 0u; r < MINE; r++) {
        let j = row + r * ROWS;
        if (j < p.dv) {
            var own = vec2f();
            for (var i = lane - first; i < lane - first + LANES; i++) { own += sums[r * WG + i]; }
            let v = c[8u * p.Hk * p.dk4 + h * p.dv + j];
            let d = strength * (v - alpha * k_scale * own.x);
            let at = p.state_at + (h * p.dv + j) * p.dk4;
            for (var i = 0u; i < MINE; i++) {
                let column = first + i * LANES;
                if (column < p.dk4) { state[at + column] = alpha * S[r * MINE + i] + (d * k_scale) * ks[column]; }
            }
            if (first == 0u) { result[j] = q_scale * (alpha * own.y + qk * k_scale * d); }
        }
    }
    workgroupBarrier();
    var own = 0.0;
    if (lane < p.dv) { own = result[lane]; }
    squares[lane] = own * own;
    workgroupBarrier();
    for (var half = 64u; half > 0u; half /= 2u) {
        if (lane < half) { squares[lane] += squares[lane + half]; }
        workgroupBarrier();
    }
    if (lane < p.dv) {
        let gate = z[p.z_at + h * p.dv + lane];
        let scale = inverseSqrt(squares[0] / f32(p.dv) + p.eps);
        y[p.y_at + h * p.dv + lane] = own * scale * norm[p.norm_at + lane] * gate / (1.0 + exp(-gate));
    }
}
