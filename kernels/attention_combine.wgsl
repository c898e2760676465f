// attention_combine.wgsl    the parts of attention_split.wgsl joined: flash decoding, second half
//
//   o[t,h,:] = sum_i exp(m_i - m) part_i / sum_i exp(m_i - m) l_i,  m = max_i(m_i);  with GATED times sigmoid(gate[t,h,:])
//
// Shapes     part: [T, n_heads, MAX_SPLITS, head_dim+4]   gate: [T, row] f32 through a view   o: [T, n_heads*head_dim]
// Bindings   0 params   1 step (word 0: position of token 0)   2 part   3 gate (without GATED any buffer)   4 o (read_write)
// Dispatch   (n_heads, T)
// Tested by  tests/ops/webgpu_attention.c

struct Params { gate_at: u32, gate_row: u32, gate_head: u32, o_at: u32 } // in units of 4 values
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> position: array<u32>;
@group(0) @binding(2) var<storage, read> part: array<vec4f>;
@group(0) @binding(3) var<storage, read> gate: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> o: array<vec4f>;

override D4: u32 = 64u;
override GATED: bool = false;
override MIN_ROWS: u32 = 32u;
override MAX_SPLITS: u32 = 64u; // at most WG
const WG = 256u;
const ROWS = 32u; // as in attention_split.wgsl

var<workgroup> share: array<f32, WG>; // of each part
var<workgroup> sums: array<vec4f, WG>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) n_wg: vec3u, @builtin(local_invocation_index) lane: u32) {
    let n = position[0] + wg.y + 1u;
    let per = max(MIN_ROWS, ((n + MAX_SPLITS - 1u) / MAX_SPLITS + ROWS - 1u) / ROWS * ROWS);
    let n_parts = (n + per - 1u) / per;
    let head = wg.y * n_wg.x + wg.x;
    let base = head * MAX_SPLITS * (D4 + 1u);
    var own = vec4f(-1e30, 0.0, 0.0, 0.0);
    if (lane < n_parts) { own = part[base + lane * (D4 + 1u) + D4]; }
    share[lane] = own.x;
    workgroupBarrier();
    var most = -1e30;
    for (var i = 0u; i < n_parts; i++) { most = max(most, share[i]); }
    workgroupBarrier();
    share[lane] = exp(own.x - most);
    sums[lane].x = share[lane] * own.y;
    workgroupBarrier();
    var total = 0.0;
    for (var i = 0u; i < n_parts; i++) { total += sums[i].x; }
    workgroupBarrier();
    let ways = WG / D4;
    var y = vec4f();
    if (lane < ways * D4) {
        for (var i = lane / D4; i < n_parts; i += ways) { y += share[i] * part[base + i * (D4 + 1u) + lane % D4]; }
    }
    sums[lane] = y;
    workgroupBarrier();
    if (lane < D4) {
        for (var i = 1u; i < ways; i++) { y += sums[i * D4 + lane]; }
        y /= total;
        if (GATED) { y /= 1.0 + exp(-gate[p.gate_at + wg.y * p.gate_row + wg.x * p.gate_head + lane]); }
        o[p.o_at + head * D4 + lane] = y;
    }
}
