// add_interpolated.wgsl    y[i,d] = y[i,d] + sum_{c<4} weight[i,c] * table[index[i,c], d]
//
// Shapes     y: [N, D] f32   table: [V, D] f32   index: [N, 4] i32, each < V   weight: [N, 4] f32
// Bindings   0 params (uniform)   1 index (read)   2 weight (read)   3 table (read)   4 y (read_write)
// Dispatch   workgroups of 256 values of y each, counted along x first
// Tested by  tests/ops/webgpu_rows.c against the portable op

struct Params { n: u32, dim: u32, index_at: u32, weight_at: u32, table_at: u32, y_at: u32 } // n = N * D
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> index: array<i32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> table: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) n_wg: vec3u, @builtin(local_invocation_index) lane: u32) {
    let i = (wg.y * n_wg.x + wg.x) * 256u + lane;
    if (i >= p.n) { return; }
    let row = i / p.dim;
    let d = i - row * p.dim;
    var sum = 0.0;
    for (var c = 0u; c < 4u; c++) {
        let entry = u32(index[p.index_at + 4u * row + c]);
        sum += weight[p.weight_at + 4u * row + c] * table[p.table_at + entry * p.dim + d];
    }
    y[p.y_at + i] += sum;
}
