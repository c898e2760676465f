// matmul_sum.wgsl    y[t, n] = epilogue(sum_z parts[z, t, n] + bias[n]): ends a product whose columns were split
//
// Shapes     parts: [splits, T, N] f32   y: [T, y_row] f32   bias: [y_row]
// Bindings   0 params   1 parts   2 bias (any buffer without BIAS)   3 y (read_write)
// Dispatch   (ceil(N / 64), T, 1)
// Tested by  tests/ops/webgpu_matmul.c

struct Params { y_at: u32, bias_at: u32, N: u32, y_row: u32, row0: u32, splits: u32, T: u32, pad: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> parts: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

override EPILOGUE: u32 = 0u;
override BIAS: bool = false;

// ---- activations: the same text in all kernels that have an EPILOGUE ----
fn erf(v: f32) -> f32 { // Abramowitz and Stegun 7.1.26: 1.5e-7
    let t = 1.0 / (1.0 + 0.3275911 * abs(v));
    let s = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
    return sign(v) * (1.0 - s * exp(-min(v * v, 80.0)));
}
fn sigmoid_times(v: f32, by: f32) -> f32 { return v / (1.0 + exp(min(-by, 80.0))); }
fn activated(v: f32) -> f32 {
    if (EPILOGUE == 2u) { return sigmoid_times(v, 1.5957691216 * (v + 0.044715 * v * v * v)); } // 0.5 (1 + tanh(u)) = sigmoid(2 u)
    if (EPILOGUE == 3u) { return 0.5 * v * (1.0 + erf(v * 0.7071067812)); }
    if (EPILOGUE == 4u) { return sigmoid_times(v, 1.702 * v); }
    return v;
}
// ---- end of the same text ----

fn finish(row: u32, t: u32, sum: f32) {
    var v = sum;
    let n = p.row0 + row;
    let i = p.y_at + t * p.y_row + n;
    if (BIAS) { v += bias[p.bias_at + n]; }
    if (EPILOGUE == 1u) { v += y[i]; }
    y[i] = activated(v);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let row = group.x * 64u + local;
    if (row >= p.N) { return; }
    var sum = 0.0;
    for (var z = 0u; z < p.splits; z++) { sum += parts[(z * p.T + group.y) * p.N + row]; }
    finish(row, group.y, sum);
}
