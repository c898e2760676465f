// matvec_shared.wgsl    products of one token that share x behind a norm
//
//   h = x / sqrt(mean(x^2) + eps) * norm
//   y_i[n] = sum_k h[k] * w_i[n, k], i < 4
//   with SWIGLU   y_0[n] = silu(h . w_0[n]) * (h . w_1[n])
//   with CONV     y_0[c] = silu(taps[c, 3] h . w_0[c] + sum_{j<3} taps[c, j] state[j, c]), and h . w_0[c] becomes the state's last
//
// Threads as in matvec.wgsl. A workgroup belongs to one product; with SWIGLU it takes the same rows of both weights. A channel
// of the convolution belongs to the thread that has its sum, so nobody else sees its states.
//
// Shapes     x, norm: [K]   w_i: [N_i, K] in tiles (src/backend/webgpu/weight.h)   y_i: [N_i] f32, all in one buffer
//            taps: [N_0, 4] f32   state: [3, N_0] f32, oldest first
// Bindings   0 params   1 x   2 norm   3 w0   4 w1   5 w2 and w3   6 y (read_write)   7 taps   8 state (read_write)
//            (w_i without work: any weight; without CONV 7 is any buffer, 8 one that is not bound elsewhere)
// Dispatch   x: groups of WG / TEAM * R * 4 rows, those of product 0 first; groups[i]: where those of product i begin
// Constants  R * (SWIGLU ? 2 : 1) <= 8   TEAM 32, 64, .. WG   K, x_at, norm_at are multiples of 4   TILES: p.tiles or 0
//            LAYOUT of w0 and w1, LAYOUT_2 of w2 and w3
// Numerics   f32 throughout
// Tested by  tests/ops/webgpu_matmul.c, tests/ops/webgpu_delta.c

struct Params {
    x_at: u32, norm_at: u32, K: u32, tiles: u32,
    N: vec4u, y_at: vec4u, w_at: vec4u, groups: vec4u, // w_at: in units of 16 bytes
    eps: f32, taps_at: u32, state_at: u32, pad: u32, // taps_at: in units of 4 values
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> norm: array<vec4f>;
@group(0) @binding(3) var<storage, read> w0: array<vec4u>;
@group(0) @binding(4) var<storage, read> w1: array<vec4u>;
@group(0) @binding(5) var<storage, read> w2: array<vec4u>;
@group(0) @binding(6) var<storage, read_write> y: array<f32>;
@group(0) @binding(7) var<storage, read> taps: array<vec4f>;
@group(0) @binding(8) var<storage, read_write> state: array<f32>;

override LAYOUT: u32 = 4u;
override LAYOUT_2: u32 = 4u;
override WG: u32 = 64u;
override TEAM: u32 = 32u;
override R: u32 = 1u;
override SWIGLU: bool = false;
override CONV: bool = false;
override TILES: u32 = 0u; // p.tiles where it is known: the loop is unrolled and its loads set out together
const ALIGNED = true;
override SUMS: u32 = R * select(1u, 2u, SWIGLU);
override TEAMS: u32 = WG / TEAM;
var<workgroup> partial: array<vec4f, WG * SUMS>;
var<workgroup> partial_squares: array<f32, WG>;

fn word(slot: u32, i: u32) -> vec4u {
    if (slot == 0u) { return w0[p.w_at[0] + i]; }
    if (slot == 1u) { return w1[p.w_at[1] + i]; }
    return w2[p.w_at[slot] + i];
}
fn rows(slot: u32) -> u32 { return p.N[slot]; }
fn form(slot: u32) -> u32 { return select(LAYOUT_2, LAYOUT, slot < 2u); }

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

var<private> sums: array<vec4f, 8>;
var<private> squares: f32;

// Called with numbers for `slot`, so that each product has a loop of its own with one buffer in it.
fn multiply(slot: u32, first: u32, local: u32) {
    let lane = local % 32u;
    let quads = (p.N[slot] + 3u) / 4u;
    // No branch in the loop and a number of rounds that is known: so all loads set out before the first is waited for.
    let tiles = select(p.tiles, TILES, TILES > 0u);
    for (var i = 0u; i < (tiles + TEAM / 32u - 1u) / (TEAM / 32u); i++) {
        let nth = local % TEAM / 32u + i * (TEAM / 32u);
        let tile = min(nth, tiles - 1u);
        for (var j = 0u; j < 2u; j++) {
            let k = 256u * nth + 128u * j + 4u * lane;
            let at = min(k, p.K - 4u);
            var v = select(vec4f(), x[(p.x_at + at) / 4u], k < p.K);
            squares += dot(v, v);
            v *= norm[(p.norm_at + at) / 4u];
            let total = dot(v, vec4f(1.0));
            for (var r = 0u; r < R; r++) {
                let quad = min(first + local / TEAM * R + r, quads - 1u);
                let a = piece(slot, quad, tile, lane, j);
                sums[r] += a.scale * ((v * INVERSE) * a.codes) + a.least * total;
                if (SWIGLU) {
                    let b = piece(1u, quad, tile, lane, j);
                    sums[R + r] += b.scale * ((v * INVERSE) * b.codes) + b.least * total;
                }
            }
        }
    }
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    var slot = 0u;
    if (!SWIGLU) {
        for (var i = 1u; i < 4u; i++) { slot = select(slot, i, group.x >= p.groups[i]); }
    }
    let first = (group.x - p.groups[slot]) * TEAMS * R; // of the workgroup
    // The result of this thread: R * 4 <= TEAM.
    let row = first * 4u + local;
    let has_result = local < TEAMS * R * 4u && row < p.N[slot];
    let convolves = CONV && slot == 0u && has_result;
    var past = vec3f();
    var tap = vec4f();
    if (convolves) {
        let at = p.state_at + row;
        past = vec3f(state[at], state[at + p.N[0]], state[at + 2u * p.N[0]]);
        tap = taps[p.taps_at + row];
    }
    if (slot == 0u) { multiply(0u, first, local); }
    if (slot == 1u) { multiply(1u, first, local); }
    if (slot == 2u) { multiply(2u, first, local); }
    if (slot == 3u) { multiply(3u, first, local); }

    // Sums of the threads that are four apart in a team, then of those four.
    for (var i = 0u; i < SUMS; i++) { partial[local * SUMS + i] = sums[i]; }
    partial_squares[local] = squares;
    workgroupBarrier();
    for (var step = TEAM / 2u; step >= 4u; step /= 2u) {
        if (local % TEAM < step) {
            for (var i = 0u; i < SUMS; i++) { partial[local * SUMS + i] += partial[(local + step) * SUMS + i]; }
            partial_squares[local] += partial_squares[local + step];
        }
        workgroupBarrier();
    }
    if (!has_result) { return; }
    let team = local / 4u / R;
    var s = 0.0;
    var up = 0.0;
    var q = 0.0;
    for (var i = team * TEAM; i < team * TEAM + 4u; i++) {
        s += partial[i * SUMS + local / 4u % R][local % 4u];
        if (SWIGLU) { up += partial[i * SUMS + R + local / 4u % R][local % 4u]; }
        q += partial_squares[i];
    }
    let scale = inverseSqrt(q / f32(p.K) + p.eps);
    s *= scale;
    if (SWIGLU) { s = s / (1.0 + exp(min(-s, 80.0))) * (up * scale); }
    if (convolves) {
        let at = p.state_at + row;
        state[at] = past.y;
        state[at + p.N[0]] = past.z;
        state[at + 2u * p.N[0]] = s;
        s = dot(tap, vec4f(past, s));
        s = s / (1.0 + exp(min(-s, 80.0)));
    }
    y[p.y_at[slot] + row] = s;
}
