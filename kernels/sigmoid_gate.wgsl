// sigmoid_gate.wgsl    y[t,h,i] = y[t,h,i] * sigmoid(gate[t, offset + h * stride + i])
//
// Shapes     y: [T, H*D] f32   gate: [T, row] f32 seen through offset and stride
// Bindings   0 params (uniform)   1 gate (read)   2 y (read_write), another buffer than gate
// Dispatch   workgroups of 256 values of y each, counted along x first
// Tested by  tests/ops/webgpu_rows.c against the portable op

struct Params { n: u32, n_heads: u32, dim: u32, row: u32, stride: u32, gate_at: u32, y_at: u32 } // n = T * H * D
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> gate: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) n_wg: vec3u, @builtin(local_invocation_index) lane: u32) {
    let i = (wg.y * n_wg.x + wg.x) * 256u + lane;
    if (i >= p.n) { return; }
    let head = i / p.dim;
    let t = head / p.n_heads;
    let g = gate[p.gate_at + t * p.row + (head - t * p.n_heads) * p.stride + (i - head * p.dim)];
    y[p.y_at + i] *= 1.0 / (1.0 + exp(min(-g, 80.0)));
}
