// attention_tiles.wgsl    attention of many queries, tile by tile (flash attention): prefill over a cache, and pictures
//
//   o[r,:] = sum_s softmax_s(scale * q_r . k_s) v_s     row r = the query of token r / group, head kv*group + r % group
//
// The heads that share a KV head are rows of one tile. With CAUSAL token t sees the cache's rows 0 .. position+t, else each row
// sees all n_keys.
//
// Shapes     q: f32, o: f32, keys and values: f32 or f16, each with strides of its own in Params, all in units of 4 values;
//            head_dim a multiple of 4, at most 256
// Bindings   0 params   1 step (word 0: position; without CAUSAL any buffer)   2 q   3 k   4 v   5 o (read_write)
// Dispatch   (ceil(T*group / BQ), n_kv)
// Numerics   f32 throughout; running maximum, so that no exponent is positive
// Memory     scores of BQ x 32 and slices of queries and keys: 13 KiB with BQ 32 and DS4 8, 15.3 KiB with BQ 64 and DS4 4
// Tested by  tests/ops/webgpu_attention.c

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
override BQ: u32 = 64u; // rows of a tile: 32 or 64
override DS4: u32 = 4u; // components of queries and keys at a time, / 4
override WAYS: u32 = 16u; // threads that share a column of the output: a power of two, BQ/8 .. min(BQ, WG/D4)
const WG = 256u;
const BK = 32u; // keys of a tile

var<workgroup> queries: array<vec4f, DS4 * BQ>; // [DS4, BQ]
var<workgroup> keys: array<vec4f, DS4 * BK>; // [DS4, BK]
var<workgroup> weights: array<f32, BK * BQ>; // [BK, BQ] scores, then weights
var<workgroup> fade: array<f32, BQ>; // what the new maximum leaves of the sums so far
var<workgroup> stats: array<f32, WG>;

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

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
    let first_row = wg.x * BQ;
    let last_row = min(first_row + BQ, p.n_rows) - 1u;
    var n_keys = p.n_keys;
    var seen = p.n_keys; // by token 0
    if (CAUSAL) {
        seen = position[0] + 1u;
        n_keys = seen + last_row / p.group;
    }
    let k_first = p.k_at + wg.y * p.k_head;
    let v_first = p.v_at + wg.y * p.v_head;

    // Three views of the tile: scores (a row of 16, two keys of 16), statistics (a row, every PARTS-th key), output (a column, R rows).
    let s_row = lane % 16u;
    let s_key = lane / 16u;
    let t_row = lane % BQ;
    let column = lane % D4;
    let mine = lane / D4;
    let R = BQ / WAYS;
    var most = -1e30; // of t_row
    var total = 0.0; // this thread's part of t_row's
    var sums: array<vec4f, 8>;
    for (var at = 0u; at < n_keys; at += BK) {
        var s = array<f32, 8>(); // [BQ/16, 2]
        for (var d = 0u; d < D4; d += DS4) {
            workgroupBarrier();
            for (var i = lane; i < BQ * DS4; i += WG) {
                let row = first_row + i / DS4;
                let c = d + i % DS4;
                var x = vec4f();
                if (row < p.n_rows && c < D4) {
                    x = q[p.q_at + row / p.group * p.q_row + (wg.y * p.group + row % p.group) * p.q_head + c];
                }
                queries[i % DS4 * BQ + i / DS4] = x;
            }
            for (var i = lane; i < BK * DS4; i += WG) {
                let row = at + i / DS4;
                let c = d + i % DS4;
                var x = vec4f();
                if (row < n_keys && c < D4) { x = key4(k_first + row * p.k_row + c); }
                keys[i % DS4 * BK + i / DS4] = x;
            }
            workgroupBarrier();
            for (var c = 0u; c < DS4; c++) {
                let k0 = keys[c * BK + s_key];
                let k1 = keys[c * BK + s_key + 16u];
                for (var i = 0u; i < BQ / 16u; i++) {
                    let x = queries[c * BQ + s_row + 16u * i];
                    s[2u * i] += dot(x, k0);
                    s[2u * i + 1u] += dot(x, k1);
                }
            }
        }
        for (var i = 0u; i < BQ / 16u; i++) {
            let row = s_row + 16u * i;
            var limit = seen;
            if (CAUSAL) { limit += (first_row + row) / p.group; }
            weights[s_key * BQ + row] = select(-1e30, s[2u * i] * p.scale, at + s_key < limit);
            weights[(s_key + 16u) * BQ + row] = select(-1e30, s[2u * i + 1u] * p.scale, at + s_key + 16u < limit);
        }
        workgroupBarrier();

        var top = -1e30;
        for (var i = lane / BQ; i < BK; i += WG / BQ) { top = max(top, weights[i * BQ + t_row]); }
        stats[lane] = top;
        workgroupBarrier();
        top = most;
        for (var i = t_row; i < WG; i += BQ) { top = max(top, stats[i]); }
        let left = exp(most - top);
        total *= left;
        for (var i = lane / BQ; i < BK; i += WG / BQ) {
            let score = weights[i * BQ + t_row];
            let w = select(exp(score - top), 0.0, score <= -1e30);
            weights[i * BQ + t_row] = w;
            total += w;
        }
        most = top;
        if (lane < BQ) { fade[lane] = left; }
        workgroupBarrier();

        if (mine < WAYS) {
            for (var i = 0u; i < R; i++) { sums[i] *= fade[mine * R + i]; }
            for (var j = 0u; j < min(BK, n_keys - at); j++) {
                let x = value4(v_first + (at + j) * p.v_row + column);
                for (var i = 0u; i < R; i++) { sums[i] += weights[j * BQ + mine * R + i] * x; }
            }
        }
    }
    stats[lane] = total;
    workgroupBarrier();
    if (mine < WAYS) {
        for (var i = 0u; i < R; i++) {
            let row = first_row + mine * R + i;
            if (row >= p.n_rows) { break; }
            total = 0.0;
            for (var j = mine * R + i; j < WG; j += BQ) { total += stats[j]; }
            o[p.o_at + row / p.group * p.o_row + (wg.y * p.group + row % p.group) * p.o_head + column] = sums[i] / total;
        }
    }
}
