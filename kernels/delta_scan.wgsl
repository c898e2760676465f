// delta_scan.wgsl    gated delta rule in chunks of 32 tokens, second half: the state from chunk to chunk
//
//   R_i = beta_i (v_i - exp(G_i) S k_i)   U = A R   o_i = exp(G_i) S q_i + sum_{j<=i} B_ij U_j
//   S <- exp(G_last) S + sum_j exp(G_last - G_j) U_j k_j^T          (delta_chunk.wgsl has A, B and the factors)
//
// Shapes     as in delta_recurrent.wgsl; chunk: what delta_chunk.wgsl wrote
// Bindings   0 params   1 qkv   2 chunk   3 state (read_write)   4 o (read_write)
// Dispatch   (ceil(dv / 16), Hv): the rows of S do not meet
// Tested by  tests/ops/webgpu_delta.c

struct Params {
    T: u32, Hk: u32, Hv: u32, dk4: u32,
    dv: u32, qkv_at: u32, tiled: u32, state_at: u32, // qkv_at, state_at: in units of 4 values
    o_at: u32, pad: u32, pad2: u32, pad3: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> qkv: array<vec4f>;
@group(0) @binding(2) var<storage, read> chunk: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> state: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> o: array<f32>;

override DK4: u32 = 32u; // p.dk4, so that loops are unrolled and their loads set out together
const WG = 256u;
const C = 32u;
const ROWS = 16u; // of S
const RECORD = 545u;

var<workgroup> S: array<vec4f, 32u * ROWS>; // [dk/4, ROWS]
var<workgroup> R: array<f32, C * ROWS>; // [C, ROWS]
var<workgroup> U: array<f32, C * ROWS>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
    let h = wg.y;
    let key_head = select(h / (p.Hv / p.Hk), h % p.Hk, p.tiled != 0u);
    let row = lane % ROWS;
    let j = min(wg.x * ROWS + row, p.dv - 1u); // row of the head's S; rows past the end repeat the last and store nothing
    let is_row = wg.x * ROWS + row < p.dv;
    let base = p.state_at + (h * p.dv + j) * p.dk4;
    for (var d = lane / ROWS; d < DK4; d += WG / ROWS) { S[d * ROWS + row] = state[base + d]; }
    workgroupBarrier();

    let stride = 2u * p.Hk * p.dk4 + p.Hv * p.dv / 4u;
    let q_at = p.qkv_at + key_head * p.dk4;
    let k_at = q_at + p.Hk * p.dk4;
    let v_at = p.qkv_at + 2u * p.Hk * p.dk4 + (h * p.dv + j) / 4u;
    let n_chunks = (p.T + C - 1u) / C;
    let i0 = lane / ROWS; // a thread's tokens of the chunk: i0 and i1
    let i1 = i0 + C / 2u;
    for (var n = 0u; n < n_chunks; n++) {
        let at = (h * n_chunks + n) * RECORD;
        let t0 = min(n * C + i0, p.T - 1u); // a token past the end repeats the last: its factors are 0
        let t1 = min(n * C + i1, p.T - 1u);
        var k_dots = vec2f();
        var q_dots = vec2f();
        for (var d = 0u; d < DK4; d++) {
            let s = S[d * ROWS + row];
            k_dots += vec2f(dot(s, qkv[k_at + t0 * stride + d]), dot(s, qkv[k_at + t1 * stride + d]));
            q_dots += vec2f(dot(s, qkv[q_at + t0 * stride + d]), dot(s, qkv[q_at + t1 * stride + d]));
        }
        let f0 = chunk[at + 512u + i0];
        let f1 = chunk[at + 512u + i1];
        R[i0 * ROWS + row] = f0.x * (qkv[v_at + t0 * stride][j % 4u] - f0.y * k_dots.x);
        R[i1 * ROWS + row] = f1.x * (qkv[v_at + t1 * stride][j % 4u] - f1.y * k_dots.y);
        workgroupBarrier();
        var u = vec2f();
        for (var m = 0u; m < C / 4u; m++) {
            let r = vec4f(R[4u * m * ROWS + row], R[(4u * m + 1u) * ROWS + row], R[(4u * m + 2u) * ROWS + row],
                          R[(4u * m + 3u) * ROWS + row]);
            u += vec2f(dot(chunk[at + i0 * 8u + m], r), dot(chunk[at + i1 * 8u + m], r));
        }
        U[i0 * ROWS + row] = u.x;
        U[i1 * ROWS + row] = u.y;
        workgroupBarrier();
        var result = vec2f(f0.z, f1.z) * q_dots;
        for (var m = 0u; m < C / 4u; m++) {
            let r = vec4f(U[4u * m * ROWS + row], U[(4u * m + 1u) * ROWS + row], U[(4u * m + 2u) * ROWS + row],
                          U[(4u * m + 3u) * ROWS + row]);
            result += vec2f(dot(chunk[at + 256u + i0 * 8u + m], r), dot(chunk[at + 256u + i1 * 8u + m], r));
        }
        if (is_row) {
            if (n * C + i0 < p.T) { o[p.o_at + (t0 * p.Hv + h) * p.dv + j] = result.x; }
            if (n * C + i1 < p.T) { o[p.o_at + (t1 * p.Hv + h) * p.dv + j] = result.y; }
        }
        let left = chunk[at + 544u].x;
        for (var d = lane / ROWS; d < DK4; d += WG / ROWS) {
            var s = left * S[d * ROWS + row];
            for (var m = 0u; m < C; m++) { // (tokens past the end: factor 0)
                s += (chunk[at + 512u + m].w * U[m * ROWS + row]) * qkv[k_at + min(n * C + m, p.T - 1u) * stride + d];
            }
            S[d * ROWS + row] = s;
        }
        workgroupBarrier();
    }
    if (is_row) {
        for (var d = lane / ROWS; d < DK4; d += WG / ROWS) { state[base + d] = S[d * ROWS + row]; }
    }
}
