// matvec_subgroups.wgsl    y[t, n] = epilogue(sum_k h[t, k] * w[n, k] + bias[n]) for few tokens; sums through subgroups
//
//   h = x, or with NORM   x / sqrt(mean(x^2) + eps) * norm   (one token only): every team reads all of x anyway
//   or with HEAD   each HEAD values of x / sqrt(squares / HEAD + eps), squares: the sum of `slices` values   (one token only)
//
// TEAM threads share R groups of four rows; lane l of 32 takes columns 128 j + 4 l .. + 3 of each tile of 256, so that threads
// side by side read weights and x side by side; TEAM / 32 such sets take the tiles in turn.
//
// Shapes     x: [T, K] f32   w: [N, K] in tiles (src/backend/webgpu/weight.h)   y: [T, y_row] f32   norm: [K]   bias: [y_row]
// Bindings   0 params   1 x   2 x once more   3 norm   4 bias   5 w   6 y (read_write)   (3 and 4: any buffer where unused)
// Dispatch   x, y: groups of WG / TEAM * R * 4 rows, numbered x + y * (workgroups in x)   z: TOKENS tokens each
// Constants  R * TOKENS <= 8   TOKENS <= 8   TEAM 32, 64, .. WG   NORM only with TOKENS = 1   ALIGNED: K, x_at, norm_at are
//            multiples of 4   TILES: p.tiles or 0   HEAD: a multiple of 4 or 0
// Numerics   f32 throughout
// Subgroups  any size that is a power of two from 4 on; a subgroup is made of threads that follow one another
// Tested by  tests/ops/webgpu_matmul.c
enable subgroups;
diagnostic(off, subgroup_uniformity);

struct Params {
    x_at: u32, y_at: u32, norm_at: u32, bias_at: u32,
    K: u32, N: u32, y_row: u32, row0: u32, // N rows of this buffer, the first of which is row0 of y
    T: u32, tiles: u32, eps: f32, w_at: u32, // w_at: in units of 16 bytes
    squares_at: u32, slices: u32, pad0: u32, pad1: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> x_scalars: array<f32>;
@group(0) @binding(3) var<storage, read> norm: array<vec4f>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;
@group(0) @binding(5) var<storage, read> w: array<vec4u>;
@group(0) @binding(6) var<storage, read_write> y: array<f32>;

override LAYOUT: u32 = 4u;
override WG: u32 = 64u;
override TEAM: u32 = 32u;
override R: u32 = 1u;
override TOKENS: u32 = 1u;
override EPILOGUE: u32 = 0u;
override BIAS: bool = false;
override NORM: bool = false;
override TILES: u32 = 0u; // p.tiles where it is known: the loop is unrolled and its loads set out together
override HEAD: u32 = 0u;
override ALIGNED: bool = true;
override SIZE: u32 = 0u; // of subgroups where it is known
override SUMS: u32 = R * TOKENS;
override TEAMS: u32 = WG / TEAM;
var<workgroup> partial: array<vec4f, WG / 4u * SUMS>;
var<workgroup> partial_squares: array<f32, WG / 4u>;

fn word(slot: u32, i: u32) -> vec4u { return w[p.w_at + i]; }
fn rows(slot: u32) -> u32 { return p.N; }
fn form(slot: u32) -> u32 { return LAYOUT; }

// ---- tiles of weights: the same text in all kernels that read them; they define word(), rows() and form() ----

// Layouts: enum weight_layout
const F32 = 0u; const F16 = 1u; const BF16 = 2u; const Q8 = 3u; const Q4 = 4u; const Q4_1 = 5u; const Q4_K = 6u; const Q5_K = 7u; const Q6_K = 8u;

// The four values of a lane in each of four rows are  codes[row] / POSITION * scale[row] + least[row].
struct Piece { codes: mat4x4f, scale: vec4f, least: vec4f }
// Codes come out of a word without being moved to its end; x is divided instead, once for four rows.
const POSITION = vec4f(1.0, 256.0, 1.0, 256.0);
const INVERSE = vec4f(1.0, 0.00390625, 1.0, 0.00390625);

// Four bytes, less `zero`: or-ed into the mantissa of 2^23, which is cheaper than a conversion; exact.
fn codes(q: u32, zero: f32) -> vec4f {
    let bits = (vec4u(q, q, q >> 16u, q >> 16u) & vec4u(0xffu, 0xff00u, 0xffu, 0xff00u)) | vec4u(0x4b000000u);
    return bitcast<vec4f>(bits) - (8388608.0 + zero * POSITION);
}
fn all_codes(q: vec4u, zero: f32) -> mat4x4f {
    return mat4x4f(codes(q.x, zero), codes(q.y, zero), codes(q.z, zero), codes(q.w, zero));
}
fn value16(L: u32, word: u32) -> vec2f {
    if (L == F16) { return unpack2x16float(word); }
    return vec2f(bitcast<f32>(word << 16u), bitcast<f32>(word & 0xffff0000u));
}
fn four_16(L: u32, a: u32, b: u32) -> vec4f { return vec4f(value16(L, a), value16(L, b)) * POSITION; }
// One half of two, for each row.
fn halves(words: vec4u, j: u32) -> vec4f {
    let h = words >> vec4u(16u * j);
    return vec4f(unpack2x16float(h.x).x, unpack2x16float(h.y).x, unpack2x16float(h.z).x, unpack2x16float(h.w).x);
}
fn scalar_f32(slot: u32, i: u32) -> f32 { return bitcast<f32>(word(slot, i / 4u)[i % 4u]); }
fn row_f32(slot: u32, row: u32, k: u32) -> vec4f {
    if (row >= rows(slot) || k >= p.K) { return vec4f(); }
    let i = row * p.K + k;
    if (ALIGNED) { return bitcast<vec4f>(word(slot, i / 4u)) * POSITION; }
    return vec4f(scalar_f32(slot, i), select(0.0, scalar_f32(slot, i + 1u), k + 1u < p.K),
                 select(0.0, scalar_f32(slot, i + 2u), k + 2u < p.K), select(0.0, scalar_f32(slot, i + 3u), k + 3u < p.K)) * POSITION;
}
// Columns 256 tile + 128 j + 4 lane .. + 3 of rows 4 quad .. + 3.
fn piece(slot: u32, quad: u32, tile: u32, lane: u32, j: u32) -> Piece {
    let L = form(slot);
    if (L == F32) {
        let k = 256u * tile + 128u * j + 4u * lane;
        return Piece(mat4x4f(row_f32(slot, 4u * quad, k), row_f32(slot, 4u * quad + 1u, k), row_f32(slot, 4u * quad + 2u, k),
                             row_f32(slot, 4u * quad + 3u, k)), vec4f(1.0), vec4f());
    }
    let nth = quad * p.tiles + tile;
    if (L == F16 || L == BF16) {
        let at = nth * 128u + 64u * j + lane;
        let a = word(slot, at);
        let b = word(slot, at + 32u);
        return Piece(mat4x4f(four_16(L, a.x, a.y), four_16(L, a.z, a.w), four_16(L, b.x, b.y), four_16(L, b.z, b.w)), vec4f(1.0), vec4f());
    }
    if (L == Q8) {
        let at = nth * 68u;
        return Piece(all_codes(word(slot, at + 32u * j + lane), 128.0), halves(word(slot, at + 64u + lane / 8u), j), vec4f());
    }
    if (L == Q4 || L == Q4_1) {
        let at = nth * select(36u, 40u, L == Q4_1);
        let q = (word(slot, at + lane) >> vec4u(4u * j)) & vec4u(0x0f0f0f0fu);
        let scale = halves(word(slot, at + 32u + lane / 8u), j);
        if (L == Q4) { return Piece(all_codes(q, 8.0), scale, vec4f()); }
        return Piece(all_codes(q, 0.0), scale, halves(word(slot, at + 36u + lane / 8u), j));
    }
    if (L == Q4_K || L == Q5_K) {
        let at = nth * select(37u, 45u, L == Q5_K);
        let scales = at + select(32u, 40u, L == Q5_K);
        var q = (word(slot, at + lane) >> vec4u(4u * j)) & vec4u(0x0f0f0f0fu);
        if (L == Q5_K) { q |= ((word(slot, at + 32u + lane / 4u) >> vec4u(2u * (lane & 3u) + j)) & vec4u(0x01010101u)) << vec4u(4u); }
        let s = word(slot, scales + lane / 8u) >> vec4u(16u * j);
        let d = word(slot, scales + 4u);
        return Piece(all_codes(q, 0.0), halves(d, 0u) * vec4f(s & vec4u(63u)), -(halves(d, 1u) * vec4f((s >> vec4u(8u)) & vec4u(63u))));
    }
    let at = nth * 53u; // Q6_K
    let high = (word(slot, at + 32u + lane / 2u) >> vec4u(4u * (lane & 1u) + 2u * j)) & vec4u(0x03030303u);
    let q = ((word(slot, at + lane) >> vec4u(4u * j)) & vec4u(0x0f0f0f0fu)) | (high << vec4u(4u));
    let s = bitcast<vec4i>(word(slot, at + 48u + lane / 8u) << vec4u(24u - 16u * j - 8u * ((lane / 4u) & 1u))) >> vec4u(24u);
    return Piece(all_codes(q, 32.0), bitcast<vec4f>(word(slot, at + 52u)) * vec4f(s), vec4f());
}
// ---- end of the same text ----

// ---- four of x: the same text in all kernels that read them ----
fn x4(t: u32, k: u32) -> vec4f {
    let there = t < p.T && k < p.K;
    if (ALIGNED) { return select(vec4f(), x[(p.x_at + min(t, p.T - 1u) * p.K + min(k, p.K - 4u)) / 4u], there); }
    if (!there) { return vec4f(); }
    let i = p.x_at + t * p.K + k;
    return vec4f(x_scalars[i], select(0.0, x_scalars[i + 1u], k + 1u < p.K), select(0.0, x_scalars[i + 2u], k + 2u < p.K),
                 select(0.0, x_scalars[i + 3u], k + 3u < p.K));
}
// ---- end of the same text ----

fn head_scale(head: u32) -> f32 {
    var sum = 0.0;
    for (var i = 0u; i < p.slices; i++) { sum += x_scalars[p.squares_at + head * p.slices + i]; }
    return inverseSqrt(sum / f32(HEAD) + p.eps);
}

// ---- activations: the same text in all kernels that have an EPILOGUE ----
fn erf(v: f32) -> f32 { // Abramowitz and Stegun 7.1.26: 1.5e-7
    let t = 1.0 / (1.0 + 0.3275911 * abs(v));
    let s = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
    return sign(v) * (1.0 - s * exp(-min(v * v, 80.0)));
}
fn sigmoid_times(v: f32, by: f32) -> f32 { return v / (1.0 + exp(min(-by, 80.0))); }
fn activated(v: f32) -> f32 {
    if (EPILOGUE == 2u) { return sigmoid_times(v, 1.5957691216 * (v + 0.044715 * v * v * v)); } // 0.5 (1 + tanh(u)) = sigmoid(2 u)
    if (EPILOGUE == 3u) { return 0.5 * v * (1.0 + erf(v * 0.7071067812)); }
    if (EPILOGUE == 4u) { return sigmoid_times(v, 1.702 * v); }
    return v;
}
// ---- end of the same text ----

fn finish(row: u32, t: u32, sum: f32, before: f32) {
    var v = sum;
    let n = p.row0 + row;
    let i = p.y_at + t * p.y_row + n;
    if (BIAS) { v += bias[p.bias_at + n]; }
    if (EPILOGUE == 1u) { v += before; }
    y[i] = activated(v);
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32,
        @builtin(subgroup_size) size: u32) {
    let quads = (p.N + 3u) / 4u;
    let first = (group.x + group.y * groups.x) * TEAMS * R; // of the workgroup
    let lane = local % 32u;
    let t0 = group.z * TOKENS;
    // The result of this thread: R * TOKENS * 4 <= TEAM.
    let mine = (first + local / 4u % (R * TEAMS)) * 4u + local % 4u;
    let its_token = t0 + local / 4u / R / TEAMS;
    let has_result = local < TEAMS * R * TOKENS * 4u && mine < p.N && its_token < p.T;
    var before = 0.0;
    if (EPILOGUE == 1u && has_result) { before = y[p.y_at + its_token * p.y_row + p.row0 + mine]; }
    var sums: array<vec4f, 8>;
    var squares = 0.0;
    // No branch in the loop and a number of rounds that is known: so all loads set out before the first is waited for.
    let tiles = select(p.tiles, TILES, TILES > 0u);
    for (var i = 0u; i < (tiles + TEAM / 32u - 1u) / (TEAM / 32u); i++) {
        let nth = local % TEAM / 32u + i * (TEAM / 32u);
        let tile = min(nth, tiles - 1u);
        for (var j = 0u; j < 2u; j++) {
            let k = 256u * nth + 128u * j + 4u * lane;
            var xs: array<vec4f, 8>;
            for (var t = 0u; t < TOKENS; t++) { xs[t] = x4(t0 + t, k); }
            if (NORM) {
                squares += dot(xs[0], xs[0]);
                xs[0] *= norm[(p.norm_at + min(k, p.K - 4u)) / 4u];
            }
            if (HEAD > 0u) { xs[0] *= head_scale(min(k, p.K - 1u) / max(HEAD, 1u)); }
            for (var r = 0u; r < R; r++) {
                let v = piece(0u, min(first + local / TEAM * R + r, quads - 1u), tile, lane, j);
                for (var t = 0u; t < TOKENS; t++) {
                    var s = v.scale * ((xs[t] * INVERSE) * v.codes);
                    if (LAYOUT >= Q4_1 && LAYOUT <= Q5_K) { s += v.least * dot(xs[t], vec4f(1.0)); }
                    sums[r * TOKENS + t] += s;
                }
            }
        }
    }

    // Sums of 32 threads, or of a subgroup where that is smaller, then of those of a team.
    let width = min(select(size, SIZE, SIZE > 0u), 32u);
    for (var i = 0u; i < SUMS; i++) {
        var s = sums[i];
        for (var step = width / 2u; step > 0u; step /= 2u) { s += subgroupShuffleXor(s, step); }
        if (local % width == 0u) { partial[local / width * SUMS + i] = s; }
    }
    if (NORM) {
        for (var step = width / 2u; step > 0u; step /= 2u) { squares += subgroupShuffleXor(squares, step); }
        if (local % width == 0u) { partial_squares[local / width] = squares; }
    }
    workgroupBarrier();
    let parts = TEAM / width;
    if (has_result) {
        let team = local / 4u / R % TEAMS;
        let t = its_token - t0;
        var s = 0.0;
        var q = 0.0;
        for (var i = team * parts; i < (team + 1u) * parts; i++) {
            s += partial[i * SUMS + local / 4u % R * TOKENS + t][local % 4u];
            if (NORM) { q += partial_squares[i]; }
        }
        if (NORM) { s *= inverseSqrt(q / f32(p.K) + p.eps); }
        finish(mine, its_token, s, before);
    }
}
