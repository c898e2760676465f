// embed.wgsl    y[t, :] = table[ids[t], :]
//
// Shapes     table: [N, K] in tiles (src/backend/webgpu/weight.h), rows row0 .. row0 + N - 1 of the whole   ids: [T] i32   y: [T, K] f32
// Bindings   0 params   1 ids   2 table   3 y (read_write)
// Dispatch   (ceil(K / 256), T, 1): a thread makes four values; ids outside of the buffer's rows are another dispatch's
// Constants  ALIGNED: K is a multiple of 4
// Tested by  tests/ops/webgpu_matmul.c

struct Params { ids_at: u32, y_at: u32, K: u32, N: u32, row0: u32, tiles: u32, w_at: u32, pad: u32 } // w_at: in units of 16 bytes
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> ids: array<i32>;
@group(0) @binding(2) var<storage, read> w: array<vec4u>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

override LAYOUT: u32 = 4u;
override ALIGNED: bool = true;

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

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let id = u32(ids[p.ids_at + group.y]) - p.row0; // wraps below row0
    let k = 256u * group.x + 4u * local;
    if (id >= p.N || k >= p.K) { return; }
    let v = piece(0u, id / 4u, group.x, local % 32u, local / 32u);
    let four = v.codes[id % 4u] * INVERSE * v.scale[id % 4u] + v.least[id % 4u];
    for (var i = 0u; i < min(4u, p.K - k); i++) { y[p.y_at + group.y * p.K + k + i] = four[i]; }
}
