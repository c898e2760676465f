// delta_conv.wgsl    the convolution of one token, and the decay of the delta rule: what delta_step.wgsl starts from
//
//   y[c] = silu(sum_{j<K} w[c,j] in_j[c])   in = the state's K-1 rows, then x; the state becomes the last K-1 of in     c < C
//   y[C+h] = alpha_h = exp(decay softplus(a + dt_bias))                                                                 h < Hv
//
// Shapes     x: [C]   w: [C, K]   a, decay, dt_bias: [Hv]   state: [K-1, C] oldest first   y: [C + Hv]; f32
// Bindings   0 params   1 x   2 w   3 a   4 decay   5 dt_bias   6 state (read_write)   7 y (read_write)
// Dispatch   (ceil((C + Hv) / 256)): a channel per thread, so that the state is read and advanced by one thread alone
// Tested by  tests/ops/webgpu_delta.c

struct Params {
    C: u32, K: u32, Hv: u32, x_at: u32,
    w_at: u32, a_at: u32, decay_at: u32, dt_at: u32,
    state_at: u32, pad: u32, pad2: u32, pad3: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read> a: array<f32>;
@group(0) @binding(4) var<storage, read> decay: array<f32>;
@group(0) @binding(5) var<storage, read> dt_bias: array<f32>;
@group(0) @binding(6) var<storage, read_write> state: array<f32>;
@group(0) @binding(7) var<storage, read_write> y: array<f32>;

// As in delta_recurrent.wgsl.
fn softplus(x: f32) -> f32 {
    let e = exp(-abs(x));
    let z = e / (2.0 + e);
    let s = z * z;
    return max(x, 0.0) + 2.0 * z * (1.0 + s * (1.0 / 3.0 + s * (0.2 + s * (1.0 / 7.0 + s * (1.0 / 9.0 + s * (1.0 / 11.0))))));
}

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let c = id.x;
    if (c >= p.C) {
        let h = c - p.C;
        if (h < p.Hv) { y[c] = exp(decay[p.decay_at + h] * softplus(a[p.a_at + h] + dt_bias[p.dt_at + h])); }
        return;
    }
    let tap = p.w_at + c * p.K;
    var sum = 0.0;
    for (var j = 0u; j + 1u < p.K; j++) {
        let past = state[p.state_at + j * p.C + c];
        sum += w[tap + j] * past;
        if (j > 0u) { state[p.state_at + (j - 1u) * p.C + c] = past; }
    }
    let latest = x[p.x_at + c];
    sum += w[tap + p.K - 1u] * latest;
    if (p.K > 1u) { state[p.state_at + (p.K - 2u) * p.C + c] = latest; }
    y[c] = sum / (1.0 + exp(-sum));
}
