// delta_recurrent.wgsl    gated delta rule, token after token: the state's rows stay in registers
//
//   S <- alpha S   e = S k   S <- S + d k^T, d = beta (v - e)   o = S q       per value head; S: [dv, dk]
//   alpha = exp(decay softplus(a + dt_bias))   beta = sigmoid(b)   k = k/|k|   q = q/|q|/sqrt(dk)   (|x| with 1e-6 under the root)
//
// The rows of S do not meet, so that each workgroup takes a few. Both products with S are taken before the update, which
// leaves one sum over threads, one barrier, per token:   o = alpha S q + (q.k) d.
//
// Shapes     qkv: [T, 2*Hk*dk + Hv*dv]   a, beta: [T, Hv]   decay, dt_bias: [Hv]   state: [Hv, dv, dk]   o: [T, Hv*dv]; f32;
//            dk a multiple of 4, at most 128; dv a multiple of 4
// Bindings   0 params   1 qkv   2 a   3 beta   4 decay   5 dt_bias   6 state (read_write)   7 o (read_write)
// Dispatch   (ceil(dv / 16), Hv)
// Tested by  tests/ops/webgpu_delta.c

struct Params {
    T: u32, Hk: u32, Hv: u32, dk4: u32,
    dv: u32, qkv_at: u32, state_at: u32, o_at: u32, // qkv_at, state_at: in units of 4 values
    a_at: u32, beta_at: u32, decay_at: u32, dt_at: u32,
    tiled: u32, pad: u32, pad2: u32, pad3: u32, // tiled: value head h uses key head h % Hk, else h / (Hv/Hk)
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> qkv: array<vec4f>;
@group(0) @binding(2) var<storage, read> a: array<f32>;
@group(0) @binding(3) var<storage, read> beta: array<f32>;
@group(0) @binding(4) var<storage, read> decay: array<f32>;
@group(0) @binding(5) var<storage, read> dt_bias: array<f32>;
@group(0) @binding(6) var<storage, read_write> state: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> o: array<f32>;

const WG = 128u;
const LANES = 8u; // threads that share a row
const ROWS = 16u; // WG / LANES
const MINE = 4u; // vec4f of a row that a thread holds: 128 / 4 / LANES

var<workgroup> sums: array<vec4f, 2u * WG>; // k.S, q.S of a row; k.k, q.q; two tokens in turn
var<workgroup> qk_sums: array<f32, 2u * WG>;

// ---- softplus: the same text in all kernels of the delta rule ----
// log(1 + e^x) to full precision: log(1 + e) = 2 artanh(e / (2 + e)), e <= 1.
fn softplus(x: f32) -> f32 {
    let e = exp(-abs(x));
    let z = e / (2.0 + e);
    let s = z * z;
    return max(x, 0.0) + 2.0 * z * (1.0 + s * (1.0 / 3.0 + s * (0.2 + s * (1.0 / 7.0 + s * (1.0 / 9.0 + s * (1.0 / 11.0))))));
}
// ---- end of the same text ----

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
    let h = wg.y;
    let key_head = select(h / (p.Hv / p.Hk), h % p.Hk, p.tiled != 0u);
    let row = wg.x * ROWS + lane / LANES;
    let is_row = row < p.dv;
    let first = lane % LANES;
    let base = p.state_at + (h * p.dv + min(row, p.dv - 1u)) * p.dk4;
    var S: array<vec4f, 4>;
    for (var i = 0u; i < MINE; i++) {
        if (first + i * LANES < p.dk4) { S[i] = state[base + first + i * LANES]; }
    }
    let stride = (2u * p.Hk * p.dk4) + p.Hv * p.dv / 4u;
    let v_at = 2u * p.Hk * p.dk4 + (h * p.dv + min(row, p.dv - 1u)) / 4u;
    for (var t = 0u; t < p.T; t++) {
        let token = p.qkv_at + t * stride;
        let q_at = token + key_head * p.dk4;
        let k_at = q_at + p.Hk * p.dk4;
        var k = array<vec4f, 4>();
        var own = vec4f();
        var qk = 0.0;
        for (var i = 0u; i < MINE; i++) {
            if (first + i * LANES < p.dk4) {
                k[i] = qkv[k_at + first + i * LANES];
                let q = qkv[q_at + first + i * LANES];
                own += vec4f(dot(k[i], S[i]), dot(q, S[i]), dot(k[i], k[i]), dot(q, q));
                qk += dot(q, k[i]);
            }
        }
        let turn = t % 2u * WG;
        sums[turn + lane] = own;
        qk_sums[turn + lane] = qk;
        workgroupBarrier();
        own = vec4f();
        qk = 0.0;
        for (var i = lane / LANES * LANES; i < lane / LANES * LANES + LANES; i++) {
            own += sums[turn + i];
            qk += qk_sums[turn + i];
        }
        let k_scale = inverseSqrt(own.z + 1e-6);
        let q_scale = inverseSqrt(own.w + 1e-6) * inverseSqrt(f32(4u * p.dk4));
        let at = t * p.Hv + h;
        let alpha = exp(decay[p.decay_at + h] * softplus(a[p.a_at + at] + dt_bias[p.dt_at + h]));
        let strength = 1.0 / (1.0 + exp(-beta[p.beta_at + at]));
        let v = qkv[token + v_at][row % 4u];
        let d = strength * (v - alpha * k_scale * own.x);
        for (var i = 0u; i < MINE; i++) { S[i] = alpha * S[i] + (d * k_scale) * k[i]; }
        if (first == 0u && is_row) {
            o[p.o_at + at * p.dv + row] = q_scale * (alpha * own.y + qk * k_scale * d);
        }
    }
    if (is_row) {
        for (var i = 0u; i < MINE; i++) {
            if (first + i * LANES < p.dk4) { state[base + first + i * LANES] = S[i]; }
        }
    }
}
