// attention_split.wgsl    a part of the cache against the queries of one token: flash decoding, first half
//
//   of rows [first, end) of the cache, for each head h:   m = max_s(score_s)   l = sum_s exp(score_s - m)
//   part[t, h, split, :] = sum_s exp(score_s - m) v_s, then (m, l)             score_s = scale * q_h . k_s
//
// Four heads that share a KV head go together, one to each component of a vec4f, so that a row of the cache is read once for
// them. With NORM the queries come raw, and pass rmsnorm and the rotary embedding on their way in. With STORE (one token, at most
// four heads to a KV head) so do its key and value, which the workgroup of the cache's last rows puts there before it reads them:
//
//   k_cache[kv, pos, :] = rope(rmsnorm(k, key_norm))   v_cache[kv, pos, :] = v
//
// Shapes     q: [T, row] f32 through a view   caches: [n_kv, n_ctx, head_dim] f16 or f32   part: [T, n_heads, MAX_SPLITS, head_dim+4]
//            norm, key_norm: [head_dim]   cs: [T, 2*n_freq]   k, v: [n_kv*head_dim] in the buffer of q
//            head_dim a multiple of 4, at most 256
// Bindings   0 params   1 step (word 0: position of token 0)   2 q   3 norm   4 cs   5 key_norm
//            6 k_cache   7 v_cache   8 part (read_write)
//            (without NORM, 3 and 4 are any buffer; without STORE, 5 is)
// Dispatch   (splits of the longest, n_kv * ceil(group / 4), T); the length of a split follows from the position alone
// Numerics   f32 throughout; running maximum, so that no exponent is positive
// Tested by  tests/ops/webgpu_attention.c

struct Params {
    q_at: u32, q_row: u32, q_head: u32, norm_at: u32,
    cs_at: u32, n_freq: u32, k_at: u32, v_at: u32, // k_at, v_at: in units of 4 values
    n_ctx: u32, group: u32, n_kv: u32, key_norm_at: u32,
    scale: f32, eps: f32, k_in: u32, v_in: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> position: array<u32>;
@group(0) @binding(2) var<storage, read> q: array<f32>;
@group(0) @binding(3) var<storage, read> norm: array<f32>;
@group(0) @binding(4) var<storage, read> cs: array<f32>;
@group(0) @binding(5) var<storage, read> key_norm: array<f32>;
@group(0) @binding(6) var<storage, read_write> k_cache: array<vec2u>;
@group(0) @binding(7) var<storage, read_write> v_cache: array<vec2u>;
@group(0) @binding(8) var<storage, read_write> part: array<vec4f>;

override D4: u32 = 64u; // head_dim / 4
override F16: bool = true; // the caches' type
override NORM: bool = false;
override STORE: bool = false; // with NORM
override MIN_ROWS: u32 = 32u; // of a split; a multiple of ROWS
override MAX_SPLITS: u32 = 64u;
const WG = 256u;
const LANES = 8u; // threads that share a row of keys
const ROWS = 32u; // rows of the cache at a time, WG / LANES

var<workgroup> query: array<vec4f, D4 * 4u>; // [head_dim] of four heads
var<workgroup> sums: array<vec4f, WG>;
var<workgroup> scores: array<vec4f, ROWS>;
var<workgroup> weights: array<vec4f, ROWS>;
var<workgroup> fresh: array<f32, WG>; // the new key, and the squares of its values
var<workgroup> squares: array<f32, WG>;

fn key4(i: u32) -> vec4f {
    if (F16) {
        let w = k_cache[i];
        return vec4f(unpack2x16float(w.x), unpack2x16float(w.y));
    }
    return vec4f(bitcast<vec2f>(k_cache[2u * i]), bitcast<vec2f>(k_cache[2u * i + 1u]));
}
fn value4(i: u32) -> vec4f {
    if (F16) {
        let w = v_cache[i];
        return vec4f(unpack2x16float(w.x), unpack2x16float(w.y));
    }
    return vec4f(bitcast<vec2f>(v_cache[2u * i]), bitcast<vec2f>(v_cache[2u * i + 1u]));
}

// The four heads' queries into `query`; normed and turned with NORM. `at`: where the first of them begins, n: how many there are.
// With STORE the new key into `fresh` likewise.
fn load_queries(lane: u32, token: u32, at: u32, n: u32, kv: u32) {
    let dim = 4u * D4;
    var x = vec4f();
    var key = 0.0;
    if (lane < dim) {
        if (STORE) { key = q[p.k_in + kv * dim + lane]; }
        x.x = q[at + lane];
        if (n > 1u) { x.y = q[at + p.q_head + lane]; }
        if (n > 2u) { x.z = q[at + 2u * p.q_head + lane]; }
        if (n > 3u) { x.w = q[at + 3u * p.q_head + lane]; }
    }
    if (NORM) {
        sums[lane] = x * x;
        if (STORE) { squares[lane] = key * key; }
        workgroupBarrier();
        for (var half = WG / 2u; half > 0u; half /= 2u) {
            if (lane < half) {
                sums[lane] += sums[lane + half];
                if (STORE) { squares[lane] += squares[lane + half]; }
            }
            workgroupBarrier();
        }
        if (lane < dim) {
            x *= inverseSqrt(sums[0] / f32(dim) + p.eps) * norm[p.norm_at + lane];
            if (STORE) { fresh[lane] = key * inverseSqrt(squares[0] / f32(dim) + p.eps) * key_norm[p.key_norm_at + lane]; }
        }
    }
    if (lane < dim) { query[lane] = x; }
    workgroupBarrier();
    if (NORM) {
        if (lane < p.n_freq) {
            let turn = p.cs_at + 2u * (token * p.n_freq + lane);
            let c = cs[turn];
            let s = cs[turn + 1u];
            let low = query[lane];
            let high = query[lane + p.n_freq];
            query[lane] = low * c - high * s;
            query[lane + p.n_freq] = high * c + low * s;
            if (STORE) {
                let low_key = fresh[lane];
                let high_key = fresh[lane + p.n_freq];
                fresh[lane] = low_key * c - high_key * s;
                fresh[lane + p.n_freq] = high_key * c + low_key * s;
            }
        }
        workgroupBarrier();
    }
}

// `fresh` and the new value into a row of the caches.
fn store_row(lane: u32, kv: u32, row: u32) {
    if (lane < D4) {
        let at = (kv * p.n_ctx + row) * D4 + lane;
        let given = p.v_in + (kv * D4 + lane) * 4u;
        let key = vec4f(fresh[4u * lane], fresh[4u * lane + 1u], fresh[4u * lane + 2u], fresh[4u * lane + 3u]);
        let value = vec4f(q[given], q[given + 1u], q[given + 2u], q[given + 3u]);
        if (F16) {
            k_cache[p.k_at + at] = vec2u(pack2x16float(key.xy), pack2x16float(key.zw));
            v_cache[p.v_at + at] = vec2u(pack2x16float(value.xy), pack2x16float(value.zw));
        } else {
            k_cache[2u * (p.k_at + at)] = bitcast<vec2u>(key.xy);
            k_cache[2u * (p.k_at + at) + 1u] = bitcast<vec2u>(key.zw);
            v_cache[2u * (p.v_at + at)] = bitcast<vec2u>(value.xy);
            v_cache[2u * (p.v_at + at) + 1u] = bitcast<vec2u>(value.zw);
        }
    }
    storageBarrier();
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
    let n = position[0] + wg.z + 1u; // rows that the token sees
    let per = max(MIN_ROWS, ((n + MAX_SPLITS - 1u) / MAX_SPLITS + ROWS - 1u) / ROWS * ROWS);
    let first = wg.x * per;
    if (first >= n) { return; }
    let end = min(n, first + per);
    let quarters = (p.group + 3u) / 4u;
    let kv = wg.y / quarters;
    let in_group = wg.y % quarters * 4u;
    let head = kv * p.group + in_group;
    load_queries(lane, wg.z, p.q_at + wg.z * p.q_row + head * p.q_head, p.group - in_group, kv);
    if (STORE && end == n) { store_row(lane, kv, n - 1u); }

    let keys = p.k_at + kv * p.n_ctx * D4;
    let values = p.v_at + kv * p.n_ctx * D4;
    let column = lane % D4; // of the values: four components, of rows mine, mine + ways, ...
    let ways = WG / D4;
    let mine = lane / D4;
    var most = vec4f(-1e30);
    var total = vec4f();
    var o0 = vec4f(); // component 4*column of the four heads
    var o1 = vec4f();
    var o2 = vec4f();
    var o3 = vec4f();
    for (var at = first; at < end; at += ROWS) {
        let row = at + lane / LANES;
        var dot4 = vec4f();
        if (row < end) {
            for (var n = 0u; n < (D4 + LANES - 1u) / LANES; n++) {
                let i = min(lane % LANES + n * LANES, D4 - 1u);
                let k = select(vec4f(), key4(keys + row * D4 + i), lane % LANES + n * LANES < D4);
                dot4 += k.x * query[4u * i] + k.y * query[4u * i + 1u] + k.z * query[4u * i + 2u] + k.w * query[4u * i + 3u];
            }
        }
        sums[lane] = dot4;
        workgroupBarrier();
        if (lane < ROWS) {
            var s = vec4f();
            for (var i = 0u; i < LANES; i++) { s += sums[lane * LANES + i]; }
            scores[lane] = select(vec4f(-1e30), s * p.scale, at + lane < end);
        }
        workgroupBarrier();
        var top = most;
        for (var r = 0u; r < ROWS; r++) { top = max(top, scores[r]); }
        if (lane < ROWS) { weights[lane] = select(vec4f(), exp(scores[lane] - top), at + lane < end); }
        workgroupBarrier();
        let fade = exp(most - top);
        most = top;
        total *= fade;
        o0 *= fade;
        o1 *= fade;
        o2 *= fade;
        o3 *= fade;
        if (mine < ways) {
            // Rows beyond the end have no weight; the last stands in for them, so that all loads set out together.
            for (var i = 0u; i < (ROWS + ways - 1u) / ways; i++) {
                let r = mine + i * ways;
                let w = select(vec4f(), weights[min(r, ROWS - 1u)], r < ROWS);
                let v = value4(values + min(at + r, end - 1u) * D4 + column);
                total += w;
                o0 += w * v.x;
                o1 += w * v.y;
                o2 += w * v.z;
                o3 += w * v.w;
            }
        }
    }
    o0 = over_rows(lane, o0);
    o1 = over_rows(lane, o1);
    o2 = over_rows(lane, o2);
    o3 = over_rows(lane, o3);
    total = over_rows(lane, total);
    if (lane < D4) {
        for (var h = 0u; h < min(4u, p.group - in_group); h++) {
            let out = ((wg.z * p.n_kv * p.group + head + h) * MAX_SPLITS + wg.x) * (D4 + 1u);
            part[out + lane] = vec4f(o0[h], o1[h], o2[h], o3[h]);
            if (lane == 0u) { part[out + D4] = vec4f(most[h], total[h], 0.0, 0.0); }
        }
    }
}

// The sum over the threads of a column, for thread `column`.
fn over_rows(lane: u32, x: vec4f) -> vec4f {
    sums[lane] = x;
    workgroupBarrier();
    var y = vec4f();
    if (lane < D4) {
        for (var i = lane; i < WG / D4 * D4; i += D4) { y += sums[i]; }
    }
    workgroupBarrier();
    return y;
}
