// delta_chunk.wgsl    gated delta rule in chunks of 32 tokens, first half: what does not depend on the state
//
// With G_i = g_0 + ... + g_i inside a chunk, per value head (docs/MODEL.md 2.1):
//   L_ij = beta_i (k_i.k_j) exp(G_i - G_j), j < i      A = (I + L)^-1      B_ij = (q_i.k_j) exp(G_i - G_j), j <= i
// and for each token (beta, exp(G) |k|^-1, exp(G) |q|^-1 / sqrt(dk), exp(G_last - G) |k|^-1), which delta_scan.wgsl uses with the
// raw q and k. Tokens behind the last have q, k, g and beta 0: they change nothing. Every exponent is <= 0.
//
// Shapes     as in delta_recurrent.wgsl; out: [Hv, chunks, 545] vec4f: A [32,32], B [32,32], tokens [32], (exp(G_last), ...)
// Bindings   0 params   1 qkv   2 a   3 beta   4 decay   5 dt_bias   6 out (read_write)
// Dispatch   (chunks, Hv)
// Numerics   A by forward substitution, column by column: products of L would cancel where many keys are alike
// Tested by  tests/ops/webgpu_delta.c

struct Params {
    T: u32, Hk: u32, Hv: u32, dk4: u32,
    dv: u32, qkv_at: u32, tiled: u32, pad: u32, // qkv_at: in units of 4 values
    a_at: u32, beta_at: u32, decay_at: u32, dt_at: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> qkv: array<vec4f>;
@group(0) @binding(2) var<storage, read> a: array<f32>;
@group(0) @binding(3) var<storage, read> beta: array<f32>;
@group(0) @binding(4) var<storage, read> decay: array<f32>;
@group(0) @binding(5) var<storage, read> dt_bias: array<f32>;
@group(0) @binding(6) var<storage, read_write> result: array<vec4f>;

const WG = 256u;
const C = 32u; // tokens of a chunk
const D4 = 4u; // components of q and k at a time, / 4
const RECORD = 545u;

var<workgroup> qs: array<vec4f, C * D4>; // [D4, C]
var<workgroup> ks: array<vec4f, C * D4>;
var<workgroup> L: array<f32, C * 33u>; // rows of 33: no two of a column share a bank
var<workgroup> A: array<f32, C * 33u>;
var<workgroup> G: array<f32, C>;
var<workgroup> strength: array<f32, C>;
var<workgroup> scale: array<vec2f, C>; // of k and q

// ---- softplus: the same text in all kernels of the delta rule ----
// log(1 + e^x) to full precision: log(1 + e) = 2 artanh(e / (2 + e)), e <= 1.
fn softplus(x: f32) -> f32 {
    let e = exp(-abs(x));
    let z = e / (2.0 + e);
    let s = z * z;
    return max(x, 0.0) + 2.0 * z * (1.0 + s * (1.0 / 3.0 + s * (0.2 + s * (1.0 / 7.0 + s * (1.0 / 9.0 + s * (1.0 / 11.0))))));
}
// ---- end of the same text ----

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) n_wg: vec3u, @builtin(local_invocation_index) lane: u32) {
    let h = wg.y;
    let key_head = select(h / (p.Hv / p.Hk), h % p.Hk, p.tiled != 0u);
    let first = wg.x * C;
    let stride = 2u * p.Hk * p.dk4 + p.Hv * p.dv / 4u;
    let q_at = p.qkv_at + key_head * p.dk4;
    let k_at = q_at + p.Hk * p.dk4;

    // Products of all pairs: two rows i, two columns j for each thread; and the squares of k_i and q_i where j = i.
    let row = lane / 16u;
    let column = lane % 16u;
    var kk: array<f32, 4>; // [row, column]
    var qk: array<f32, 4>;
    var squares = vec2f(); // of token `lane`
    for (var d = 0u; d < p.dk4; d += D4) {
        workgroupBarrier();
        if (lane < C * D4) {
            let t = first + lane / D4;
            let c = d + lane % D4;
            var q = vec4f();
            var k = vec4f();
            if (t < p.T && c < p.dk4) {
                q = qkv[q_at + t * stride + c];
                k = qkv[k_at + t * stride + c];
            }
            qs[lane % D4 * C + lane / D4] = q;
            ks[lane % D4 * C + lane / D4] = k;
        }
        workgroupBarrier();
        for (var c = 0u; c < D4; c++) {
            for (var i = 0u; i < 2u; i++) {
                for (var j = 0u; j < 2u; j++) {
                    kk[2u * i + j] += dot(ks[c * C + row + 16u * i], ks[c * C + column + 16u * j]);
                    qk[2u * i + j] += dot(qs[c * C + row + 16u * i], ks[c * C + column + 16u * j]);
                }
            }
            if (lane < C) {
                squares += vec2f(dot(ks[c * C + lane], ks[c * C + lane]), dot(qs[c * C + lane], qs[c * C + lane]));
            }
        }
    }
    if (lane < C) {
        let t = first + lane;
        var g = 0.0;
        var s = 0.0;
        if (t < p.T) {
            g = decay[p.decay_at + h] * softplus(a[p.a_at + t * p.Hv + h] + dt_bias[p.dt_at + h]);
            s = 1.0 / (1.0 + exp(-beta[p.beta_at + t * p.Hv + h]));
        }
        L[lane] = g;
        strength[lane] = s;
        scale[lane] = inverseSqrt(squares + 1e-6) * vec2f(1.0, inverseSqrt(f32(4u * p.dk4)));
    }
    workgroupBarrier();
    if (lane < C) {
        var sum = 0.0;
        for (var i = 0u; i <= lane; i++) { sum += L[i]; }
        G[lane] = sum;
    }
    workgroupBarrier();

    let base = (h * n_wg.x + wg.x) * RECORD;
    for (var i = 0u; i < 2u; i++) {
        for (var j = 0u; j < 2u; j++) {
            let y = row + 16u * i;
            let x = column + 16u * j;
            var l = 0.0;
            var b = 0.0;
            if (x <= y) {
                let fade = exp(G[y] - G[x]) * scale[x].x;
                b = qk[2u * i + j] * fade * scale[y].y;
                if (x < y) { l = kk[2u * i + j] * fade * scale[y].x * strength[y]; }
            }
            L[y * 33u + x] = l;
            A[y * 33u + x] = b;
        }
    }
    workgroupBarrier();
    let four = lane / 8u * 33u + lane % 8u * 4u; // [32, 8] vec4f from rows of 33
    result[base + 256u + lane] = vec4f(A[four], A[four + 1u], A[four + 2u], A[four + 3u]);
    workgroupBarrier();

    if (lane < C) {
        for (var i = 0u; i < C; i++) {
            var x = select(0.0, 1.0, i == lane);
            for (var j = lane; j < i; j++) { x -= L[i * 33u + j] * A[j * 33u + lane]; }
            A[i * 33u + lane] = x;
        }
        let fade = exp(G[lane]);
        result[base + 512u + lane] = vec4f(strength[lane], fade * scale[lane].x, fade * scale[lane].y,
                                           exp(G[C - 1u] - G[lane]) * scale[lane].x);
        if (lane == 0u) { result[base + 544u] = vec4f(exp(G[C - 1u]), 0.0, 0.0, 0.0); }
    }
    workgroupBarrier();
    result[base + lane] = vec4f(A[four], A[four + 1u], A[four + 2u], A[four + 3u]);
}
