// delta_scan.wgsl    gated delta rule in chunks of 32 tokens, second half: the state from chunk to chunk
//
//   R_i = beta_i (v_i - exp(G_i) S k_i)   U = A R   o_i = exp(G_i) S q_i + sum_{j<=i} B_ij U_j
//   S <- exp(G_last) S + sum_j exp(G_last - G_j) U_j k_j^T          (delta_chunk.wgsl has A, B and the factors)
//
// Shapes     as in delta_recurrent.wgsl; chunk: what delta_chunk.wgsl wrote
// Bindings   0 params   1 qkv   2 chunk   3 state (read_write)   4 o (read_write)
// Dispatch   (ceil(dv / 16), Hv): the rows of S do not meet
//
// A chunk's keys, queries, A and B are read while the chunk before is at work: each thread has a few of them in registers, and lays
// them out for all in workgroup memory when their turn comes. WIDTH columns of keys or queries fit there: all, which then serve
// twice, where the device has 32 KiB (WIDTH = DK4, ROOM = 256), else eight (and A and B take their place).
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
override WIDTH: u32 = 8u;
override ROOM: u32 = 0u; // vec4f of workgroup memory for A and B alone
const WG = 256u;
const C = 32u;
const ROWS = 16u; // of S
const RECORD = 545u;

var<workgroup> S: array<vec4f, 32u * ROWS>; // [dk/4, ROWS]
var<workgroup> R: array<f32, C * ROWS>; // [C, ROWS]; later each U_j times its factor for S
var<workgroup> U: array<f32, C * ROWS>;
var<workgroup> stage: array<vec4f, C * WIDTH + ROOM>; // [C, WIDTH] of keys or queries; [C, C] of A or B at its end

// The products of rows i0 and i1 of A or B with a column of R or U, four values at a time.
fn matrix_rows(m: u32, i0: u32, i1: u32, x: vec4f) -> vec2f {
    let at = C * WIDTH + ROOM - 256u + m;
    return vec2f(dot(stage[at + i0 * 8u], x), dot(stage[at + i1 * 8u], x));
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
    let h = wg.y;
    let key_head = select(h / (p.Hv / p.Hk), h % p.Hk, p.tiled != 0u);
    let row = lane % ROWS;
    let j = min(wg.x * ROWS + row, p.dv - 1u); // row of the head's S; rows past the end repeat the last and store nothing
    let is_row = wg.x * ROWS + row < p.dv;
    let base = p.state_at + (h * p.dv + j) * p.dk4;
    for (var d = lane / ROWS; d < DK4; d += WG / ROWS) { S[d * ROWS + row] = state[base + d]; }

    let stride = 2u * p.Hk * p.dk4 + p.Hv * p.dv / 4u;
    let q_at = p.qkv_at + key_head * p.dk4;
    let k_at = q_at + p.Hk * p.dk4;
    let v_at = p.qkv_at + 2u * p.Hk * p.dk4 + (h * p.dv + j) / 4u;
    let n_chunks = (p.T + C - 1u) / C;
    let i0 = lane / ROWS; // a thread's tokens of the chunk: i0 and i1
    let i1 = i0 + C / 2u;
    // What the thread has of the chunk that comes next: of keys and queries [C, DK4] values lane, lane + WG, ...
    const MINE = 4u;
    var keys: array<vec4f, MINE>;
    var queries: array<vec4f, MINE>;
    for (var r = 0u; r < MINE; r++) {
        let i = min(lane + r * WG, C * DK4 - 1u);
        let t = min(i / DK4, p.T - 1u); // a token past the end repeats the last: its factors are 0
        queries[r] = qkv[q_at + t * stride + i % DK4];
        keys[r] = qkv[k_at + t * stride + i % DK4];
    }
    var A = chunk[h * n_chunks * RECORD + lane];
    var B = chunk[h * n_chunks * RECORD + 256u + lane];
    for (var n = 0u; n < n_chunks; n++) {
        let at = (h * n_chunks + n) * RECORD;
        let next = min(n + 1u, n_chunks - 1u);
        let next_at = (h * n_chunks + next) * RECORD;
        let t0 = min(n * C + i0, p.T - 1u);
        let t1 = min(n * C + i1, p.T - 1u);
        let f0 = chunk[at + 512u + i0];
        let f1 = chunk[at + 512u + i1];
        let left = chunk[at + 544u].x;
        let values = vec2f(qkv[v_at + t0 * stride][j % 4u], qkv[v_at + t1 * stride][j % 4u]);
        var q_dots = vec2f();
        for (var from_d = 0u; from_d < DK4; from_d += WIDTH) {
            workgroupBarrier();
            for (var r = 0u; r < MINE; r++) {
                let i = lane + r * WG;
                let d = i % DK4 - from_d; // (wraps below)
                if (i < C * DK4 && d < WIDTH) { stage[i / DK4 * WIDTH + d] = queries[r]; }
            }
            workgroupBarrier();
            for (var d = 0u; d < WIDTH; d++) {
                if (from_d + d < DK4) {
                    let s = S[(from_d + d) * ROWS + row];
                    q_dots += vec2f(dot(s, stage[i0 * WIDTH + d]), dot(s, stage[i1 * WIDTH + d]));
                }
            }
        }
        for (var r = 0u; r < MINE; r++) {
            let i = min(lane + r * WG, C * DK4 - 1u);
            queries[r] = qkv[q_at + min(next * C + i / DK4, p.T - 1u) * stride + i % DK4];
        }
        var k_dots = vec2f();
        for (var from_d = 0u; from_d < DK4; from_d += WIDTH) {
            workgroupBarrier();
            for (var r = 0u; r < MINE; r++) {
                let i = lane + r * WG;
                let d = i % DK4 - from_d;
                if (i < C * DK4 && d < WIDTH) { stage[i / DK4 * WIDTH + d] = keys[r]; }
            }
            workgroupBarrier();
            for (var d = 0u; d < WIDTH; d++) {
                if (from_d + d < DK4) {
                    let s = S[(from_d + d) * ROWS + row];
                    k_dots += vec2f(dot(s, stage[i0 * WIDTH + d]), dot(s, stage[i1 * WIDTH + d]));
                }
            }
        }
        R[i0 * ROWS + row] = f0.x * (values.x - f0.y * k_dots.x);
        R[i1 * ROWS + row] = f1.x * (values.y - f1.y * k_dots.y);
        if (ROOM == 0u) { workgroupBarrier(); }
        stage[C * WIDTH + ROOM - 256u + lane] = A;
        workgroupBarrier();
        var u = vec2f();
        for (var m = 0u; m < C / 4u; m++) {
            u += matrix_rows(m, i0, i1, vec4f(R[4u * m * ROWS + row], R[(4u * m + 1u) * ROWS + row], R[(4u * m + 2u) * ROWS + row],
                                              R[(4u * m + 3u) * ROWS + row]));
        }
        U[i0 * ROWS + row] = u.x;
        U[i1 * ROWS + row] = u.y;
        workgroupBarrier();
        R[i0 * ROWS + row] = f0.w * u.x; // (tokens past the end: factor 0)
        R[i1 * ROWS + row] = f1.w * u.y;
        stage[C * WIDTH + ROOM - 256u + lane] = B;
        A = chunk[next_at + lane];
        B = chunk[next_at + 256u + lane];
        workgroupBarrier();
        var result = vec2f(f0.z, f1.z) * q_dots;
        for (var m = 0u; m < C / 4u; m++) {
            result += matrix_rows(m, i0, i1, vec4f(U[4u * m * ROWS + row], U[(4u * m + 1u) * ROWS + row],
                                                   U[(4u * m + 2u) * ROWS + row], U[(4u * m + 3u) * ROWS + row]));
        }
        if (is_row) {
            if (n * C + i0 < p.T) { o[p.o_at + (t0 * p.Hv + h) * p.dv + j] = result.x; }
            if (n * C + i1 < p.T) { o[p.o_at + (t1 * p.Hv + h) * p.dv + j] = result.y; }
        }
        for (var from_d = 0u; from_d < DK4; from_d += WIDTH) {
            if (ROOM == 0u) {
                workgroupBarrier();
                for (var r = 0u; r < MINE; r++) {
                    let i = lane + r * WG;
                    let d = i % DK4 - from_d;
                    if (i < C * DK4 && d < WIDTH) { stage[i / DK4 * WIDTH + d] = keys[r]; }
                }
                workgroupBarrier();
            }
            for (var first = 0u; first < WIDTH; first += WG / ROWS) {
                let d = first + lane / ROWS;
                if (d < WIDTH && from_d + d < DK4) {
                    var s = left * S[(from_d + d) * ROWS + row];
                    for (var m = 0u; m < C; m++) { s += R[m * ROWS + row] * stage[m * WIDTH + d]; }
                    S[(from_d + d) * ROWS + row] = s;
                }
            }
        }
        for (var r = 0u; r < MINE; r++) {
            let i = min(lane + r * WG, C * DK4 - 1u);
            keys[r] = qkv[k_at + min(next * C + i / DK4, p.T - 1u) * stride + i % DK4];
        }
    }
    workgroupBarrier();
    if (is_row) {
        for (var d = lane / ROWS; d < DK4; d += WG / ROWS) { state[base + d] = S[d * ROWS + row]; }
    }
}
