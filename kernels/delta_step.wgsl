// delta_step.wgsl    the delta rule of one token and the gate behind it: some rows of a head in one workgroup
//
//   q = q / |q| / sqrt(dk)   k = k / |k|   alpha = exp(decay softplus(a + dt_bias))
//   S <- alpha S   d = sigmoid(beta) (v - S k)   S <- S + d k^T   o = S q
//   y = o * norm * silu(z)   squares = sum of o^2 over the workgroup's rows: who reads y divides a head by sqrt(mean(o^2) + eps)
//
// Shapes     c: [2*Hk*dk + Hv*dv] behind the convolution   gates: a and beta [Hv] raw   z: [Hv*dv]   weights: decay and dt_bias [Hv]
//            norm: [dv]   state: [Hv, dv, dk]   y: [Hv*dv], then squares [Hv, slices]; f32; dk and dv multiples of 4, at most 128
// Bindings   0 params   1 c   2 gates   3 z   4 weights   5 norm   6 state (read_write)   7 y (read_write)
// Dispatch   (slices = ceil(dv / 16), Hv)
// Tested by  tests/ops/webgpu_delta.c

struct Params {
    Hk: u32, Hv: u32, dk4: u32, dv: u32,
    c_at: u32, a_at: u32, beta_at: u32, z_at: u32, // c_at, state_at: in units of 4 values
    decay_at: u32, dt_at: u32, norm_at: u32, state_at: u32,
    y_at: u32, squares_at: u32, tiled: u32, pad: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> c: array<vec4f>;
@group(0) @binding(2) var<storage, read> gates: array<f32>;
@group(0) @binding(3) var<storage, read> z: array<f32>;
@group(0) @binding(4) var<storage, read> weights: array<f32>;
@group(0) @binding(5) var<storage, read> norm: array<f32>;
@group(0) @binding(6) var<storage, read_write> state: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> y: array<f32>;

const WG = 128u;
const LANES = 8u; // threads that share a row
const ROWS = 16u; // of the workgroup
const MINE = 4u; // vec4f of a row that a thread holds: 128 / 4 / LANES

var<workgroup> products: array<vec4f, WG>; // k.S, q.S, k.k, q.q
var<workgroup> crossed: array<f32, WG>; // q.k
var<workgroup> squares: array<f32, ROWS>;

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
    let first = lane % LANES;
    let row = wg.x * ROWS + lane / LANES;
    let has_row = row < p.dv;
    let at = p.state_at + (h * p.dv + row) * p.dk4;
    let q_at = p.c_at + key_head * p.dk4;
    let k_at = q_at + p.Hk * p.dk4;
    // All loads set out before anything waits for one.
    var S: array<vec4f, 4>;
    var q: array<vec4f, 4>;
    var k: array<vec4f, 4>;
    for (var i = 0u; i < MINE; i++) {
        let j = first + i * LANES;
        if (j < p.dk4) {
            if (has_row) { S[i] = state[at + j]; }
            q[i] = c[q_at + j];
            k[i] = c[k_at + j];
        }
    }
    let value = h * p.dv + min(row, p.dv - 1u);
    let v = c[p.c_at + 2u * p.Hk * p.dk4 + value / 4u][value % 4u];
    let gate = z[p.z_at + value];
    let scale = norm[p.norm_at + min(row, p.dv - 1u)];
    let alpha = exp(weights[p.decay_at + h] * softplus(gates[p.a_at + h] + weights[p.dt_at + h]));
    let strength = 1.0 / (1.0 + exp(-gates[p.beta_at + h]));
    var own = vec4f();
    var own_qk = 0.0;
    for (var i = 0u; i < MINE; i++) {
        own += vec4f(dot(k[i], S[i]), dot(q[i], S[i]), dot(k[i], k[i]), dot(q[i], q[i]));
        own_qk += dot(q[i], k[i]);
    }
    products[lane] = own;
    crossed[lane] = own_qk;
    workgroupBarrier();
    own = vec4f();
    own_qk = 0.0;
    for (var i = lane - first; i < lane - first + LANES; i++) {
        own += products[i];
        own_qk += crossed[i];
    }
    let k_scale = inverseSqrt(own.z + 1e-6);
    let q_scale = inverseSqrt(own.w + 1e-6) * inverseSqrt(f32(4u * p.dk4));
    let d = strength * (v - alpha * k_scale * own.x);
    if (has_row) {
        for (var i = 0u; i < MINE; i++) {
            let j = first + i * LANES;
            if (j < p.dk4) { state[at + j] = alpha * S[i] + (d * k_scale) * k[i]; }
        }
    }
    let o = select(0.0, q_scale * (alpha * own.y + own_qk * k_scale * d), has_row);
    if (first == 0u) {
        squares[lane / LANES] = o * o;
        if (has_row) { y[p.y_at + value] = o * scale * gate / (1.0 + exp(min(-gate, 80.0))); }
    }
    workgroupBarrier();
    if (lane == 0u) {
        var sum = 0.0;
        for (var i = 0u; i < ROWS; i++) { sum += squares[i]; }
        y[p.squares_at + h * ((p.dv + ROWS - 1u) / ROWS) + wg.x] = sum;
    }
}
