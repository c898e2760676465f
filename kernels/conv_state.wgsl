// conv_state.wgsl    state = the last K-1 rows of (the state's rows, then x)
//
// Shapes     x: [T, C] f32   state: [K-1, C] f32, oldest first
// Bindings   0 params (uniform)   1 x (read)   2 state (read_write)
// Dispatch   (ceil(C / 256), 1, 1): a thread for each channel, which alone reads and writes that channel's states; row j takes
//            row j + T, which no earlier step has overwritten
// Tested by  tests/ops/webgpu_rows.c against the portable op

struct Params { T: u32, C: u32, K: u32, x_at: u32, state_at: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> state: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
    let c = wg.x * 256u + lane;
    if (c >= p.C) { return; }
    for (var j = 0u; j + 1u < p.K; j++) {
        let row = p.T + j;
        var v = 0.0;
        if (row < p.K - 1u) { v = state[p.state_at + row * p.C + c]; }
        else { v = x[p.x_at + (row - (p.K - 1u)) * p.C + c]; }
        state[p.state_at + j * p.C + c] = v;
    }
}
