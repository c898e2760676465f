// attention_tiles_f16.wgsl    attention of many queries, tile by tile (flash attention): prefill over a cache, and pictures; f16 tiles
//
//   o[r,:] = sum_s softmax_s(scale * q_r . k_s) v_s     row r = the query of token r / group, head kv*group + r % group
//
// The heads that share a KV head are rows of one tile. With CAUSAL token t sees the cache's rows 0 .. position+t, else each row
// sees all n_keys. A workgroup takes 64 rows and 32 keys at a time; sixteen threads have four rows each (r, r + 16, r + 32, r + 48: a
// "quad", one vec4 of the weights) of scores, and two keys; of the output a thread has QUADS quads of one column.
//
// Shapes     q: f32, o: f32, keys and values: f32 or f16, each with strides of its own in Params, all in units of 4 values;
//            head_dim a multiple of 4, at most 256
// Bindings   0 params   1 step (word 0: position; without CAUSAL any buffer)   2 q   3 k   4 v   5 o (read_write)
// Dispatch   (ceil(T*group / 64), n_kv)
// Constants  WAYS threads share a column of the output: 4, 8 or 16, at most 256 / D4
// Numerics   queries, keys, values and weights are rounded to f16 (those of an f16 cache are so already); products, sums, scores and the
//            running maximum in f32. What f16 cannot hold becomes its largest number; no weight of 2e-9 or more is subnormal
// Memory     workgroup: 12.5 KiB, of which the inner loops read half of what the plain form's do
// Tested by  tests/ops/webgpu_attention.c
enable f16;

// How numbers lie in workgroup memory.
alias Cell = vec4<f16>;
fn cell(v: vec4f) -> Cell { return Cell(clamp(v, vec4f(-65504.0), vec4f(65504.0))); }
const WHOLE = 32768.0; // a weight of 1: small ones, of which there may be many, stay clear of the subnormal numbers
// The largest score of each thread, then the sum of its weights: [quad][thread].
var<workgroup> wides: array<array<vec4f, 17>, 16>;
fn put_wide(quad: u32, thread: u32, v: vec4f) { wides[quad][thread] = v; }
fn wide(quad: u32, thread: u32) -> vec4f { return wides[quad][thread]; }

// ---- the tiles: the same text in both forms of attention_tiles; they define Cell, cell(), WHOLE, put_wide() and wide() ----
struct Params {
    q_at: u32, q_row: u32, q_head: u32, group: u32,
    k_at: u32, k_row: u32, k_head: u32, n_rows: u32, // n_rows: T * group
    v_at: u32, v_row: u32, v_head: u32, n_keys: u32,
    o_at: u32, o_row: u32, o_head: u32, scale: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> position: array<u32>;
@group(0) @binding(2) var<storage, read> q: array<vec4f>;
@group(0) @binding(3) var<storage, read> k: array<vec2u>;
@group(0) @binding(4) var<storage, read> v: array<vec2u>;
@group(0) @binding(5) var<storage, read_write> o: array<vec4f>;

override D4: u32 = 16u; // head_dim / 4
override F16: bool = false; // of keys and values
override CAUSAL: bool = false;
override WAYS: u32 = 16u;
override QUADS: u32 = 16u / WAYS;
const BQ = 64u; // rows of a tile
const BK = 32u; // keys of a tile
const DS4 = 4u; // components of queries and keys at a time, / 4
const AHEAD = 8u; // rows of values that a thread has on their way

var<workgroup> queries: array<array<Cell, 5>, BQ>; // [row][component]
var<workgroup> keys: array<array<Cell, 5>, BK>;
var<workgroup> weights: array<array<Cell, 33>, 16>; // [quad][key]
var<workgroup> fade: array<vec4f, 16>; // [quad] what the new maximum leaves of the sums so far; last, the weights' sums

fn key4(i: u32) -> vec4f {
    if (F16) {
        let w = k[i];
        return vec4f(unpack2x16float(w.x), unpack2x16float(w.y));
    }
    return vec4f(bitcast<vec2f>(k[2u * i]), bitcast<vec2f>(k[2u * i + 1u]));
}
fn value4(i: u32) -> vec4f {
    if (F16) {
        let w = v[i];
        return vec4f(unpack2x16float(w.x), unpack2x16float(w.y));
    }
    return vec4f(bitcast<vec2f>(v[2u * i]), bitcast<vec2f>(v[2u * i + 1u]));
}

// What a thread brings of a slice: a vec4f of a query, and half of the threads one of a key.
struct Brought { query: vec4f, key: vec4f }
fn bring(lane: u32, head: u32, first_row: u32, k_first: u32, at: u32, n_keys: u32, d: u32) -> Brought {
    var b = Brought(vec4f(), vec4f());
    let c = d + lane % DS4;
    let row = first_row + lane / DS4;
    if (row < p.n_rows && c < D4) {
        b.query = q[p.q_at + row / p.group * p.q_row + (head * p.group + row % p.group) * p.q_head + c];
    }
    let key = at + lane / DS4;
    if (lane < BK * DS4 && key < n_keys && c < D4) { b.key = key4(k_first + key * p.k_row + c); }
    return b;
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
    // Later rows see more keys: they begin first.
    let first_row = select(wg.x, groups.x - 1u - wg.x, CAUSAL) * BQ;
    let last_row = min(first_row + BQ, p.n_rows) - 1u;
    var n_keys = p.n_keys;
    var seen = p.n_keys; // by token 0
    if (CAUSAL) {
        seen = position[0] + 1u;
        n_keys = seen + last_row / p.group;
    }
    let k_first = p.k_at + wg.y * p.k_head;
    let v_first = p.v_at + wg.y * p.v_head;

    let quad = lane % 16u; // of scores
    let key = lane / 16u; // and key + 16
    var limits = vec4u(seen); // keys that the rows of the quad see
    if (CAUSAL) { limits += (vec4u(0u, 16u, 32u, 48u) + (first_row + quad)) / p.group; }
    let column = lane % D4; // of the output
    let way = lane / D4;
    var most = vec4f(-1e30);
    var total = vec4f(); // of this thread's keys
    var sums: array<mat4x4f, 4>; // [quad][row]
    // A slice sets out before the one at hand is used, so that nobody waits for memory with nothing to do.
    var next = bring(lane, wg.y, first_row, k_first, 0u, n_keys, 0u);
    for (var at = 0u; at < n_keys; at += BK) {
        var s0 = vec4f();
        var s1 = vec4f();
        for (var d = 0u; d < D4; d += DS4) {
            workgroupBarrier();
            queries[lane / DS4][lane % DS4] = cell(next.query);
            if (lane < BK * DS4) { keys[lane / DS4][lane % DS4] = cell(next.key); }
            workgroupBarrier();
            let is_last = d + DS4 >= D4;
            next = bring(lane, wg.y, first_row, k_first, select(at, at + BK, is_last), n_keys, select(d + DS4, 0u, is_last));
            for (var c = 0; c < 4; c++) {
                let x = mat4x4f(vec4f(queries[quad][c]), vec4f(queries[quad + 16u][c]), vec4f(queries[quad + 32u][c]), vec4f(queries[quad + 48u][c]));
                s0 += vec4f(keys[key][c]) * x;
                s1 += vec4f(keys[key + 16u][c]) * x;
            }
        }
        s0 = select(vec4f(-1e30), s0 * p.scale, vec4u(at + key) < limits);
        s1 = select(vec4f(-1e30), s1 * p.scale, vec4u(at + key + 16u) < limits);
        put_wide(quad, key, max(s0, s1));
        workgroupBarrier();
        var top = most;
        for (var i = 0u; i < 16u; i++) { top = max(top, wide(quad, i)); }
        let left = exp(most - top);
        let w0 = select(exp(s0 - top), vec4f(), s0 <= vec4f(-1e30));
        let w1 = select(exp(s1 - top), vec4f(), s1 <= vec4f(-1e30));
        total = total * left + w0 + w1;
        most = top;
        workgroupBarrier();
        weights[quad][key] = cell(w0 * WHOLE);
        weights[quad][key + 16u] = cell(w1 * WHOLE);
        if (key == 0u) { fade[quad] = left; }
        workgroupBarrier();

        if (way < WAYS) {
            for (var i = 0u; i < QUADS; i++) {
                let f = fade[way * QUADS + i];
                sums[i] = mat4x4f(sums[i][0] * f.x, sums[i][1] * f.y, sums[i][2] * f.z, sums[i][3] * f.w);
            }
            // Rows beyond the last have no weight; the last stands in for them. Several loads at a time are on their way.
            for (var j = 0u; j < BK; j += AHEAD) {
                var x: array<Cell, AHEAD>;
                for (var l = 0u; l < AHEAD; l++) { x[l] = cell(value4(v_first + min(at + j + l, n_keys - 1u) * p.v_row + column)); }
                for (var i = 0u; i < QUADS; i++) {
                    for (var l = 0u; l < AHEAD; l++) {
                        let w = vec4f(weights[way * QUADS + i][j + l]);
                        let v = vec4f(x[l]);
                        sums[i] = mat4x4f(fma(vec4f(w.x), v, sums[i][0]), fma(vec4f(w.y), v, sums[i][1]),
                                          fma(vec4f(w.z), v, sums[i][2]), fma(vec4f(w.w), v, sums[i][3]));
                    }
                }
            }
        }
    }
    workgroupBarrier();
    put_wide(quad, key, total);
    workgroupBarrier();
    if (key == 0u) {
        for (var i = 1u; i < 16u; i++) { total += wide(quad, i); }
        fade[quad] = 1.0 / (total * WHOLE);
    }
    workgroupBarrier();
    if (way < WAYS) {
        for (var i = 0u; i < QUADS; i++) {
            for (var r = 0u; r < 4u; r++) {
                let row = first_row + way * QUADS + i + 16u * r;
                if (row < p.n_rows) {
                    o[p.o_at + row / p.group * p.o_row + (wg.y * p.group + row % p.group) * p.o_head + column] = sums[i][r] * fade[way * QUADS + i][r];
                }
            }
        }
    }
}
// ---- end of the same text ----
