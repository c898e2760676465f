// conv.wgsl    y[t,c] = silu(sum_{j<K} w[c,j] * in[t + j, c]), in = the state's K-1 rows, then x
//
// Shapes     x, y: [T, C] f32   w: [C, K] f32   state: [K-1, C] f32, oldest first
// Bindings   0 params (uniform)   1 x (read)   2 state (read)   3 w (read)   4 y (read_write)
// Dispatch   workgroups of 256 values of y each, counted along x first; conv_state.wgsl follows and moves the state on
// Tested by  tests/ops/webgpu_rows.c against the portable op

struct Params { T: u32, C: u32, K: u32, x_at: u32, state_at: u32, w_at: u32, y_at: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> state: array<f32>;
@group(0) @binding(3) var<storage, read> w: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) n_wg: vec3u, @builtin(local_invocation_index) lane: u32) {
    let i = (wg.y * n_wg.x + wg.x) * 256u + lane;
    if (i >= p.T * p.C) { return; }
    let t = i / p.C;
    let c = i - t * p.C;
    var sum = 0.0;
    for (var j = 0u; j < p.K; j++) {
        let row = t + j;
        var v = 0.0;
        if (row < p.K - 1u) { v = state[p.state_at + row * p.C + c]; }
        else { v = x[p.x_at + (row - (p.K - 1u)) * p.C + c]; }
        sum += w[p.w_at + c * p.K + j] * v;
    }
    y[p.y_at + i] = sum / (1.0 + exp(min(-sum, 80.0)));
}
