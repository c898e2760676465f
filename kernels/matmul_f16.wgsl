// matmul_f16.wgsl    y[t, n] = epilogue(sum_k x[t, k] * w[n, k] + bias[n]) for many tokens: f16 tiles in workgroup memory
//
// A workgroup makes 64 RQ rows by 64 TQ tokens, a thread 4 RQ by 4 TQ of them. Sixteen columns at a time lie in workgroup memory
// as f16, column by column: those of two lanes, 8 from each half of a tile of 256, so that every word of weights is read once. What
// comes next is on its way in registers meanwhile. Products with few rows and tokens would leave most of a large device idle: their
// columns can be split over workgroups, whose sums matmul_sum.wgsl adds.
//
// Shapes     x: [T, K] f32   w: [N, K] in tiles (src/backend/webgpu/weight.h)   y: [T, y_row] f32   bias: [y_row]
// Bindings   0 params   1 x   2 x once more   3 bias (any buffer without BIAS)   4 w   5 y (read_write)
// Dispatch   (ceil(N / (64 RQ)), ceil(T / (64 TQ)), splits); split z takes split_tiles tiles of 256 columns into y_at + z * split_size
// Constants  RQ, TQ 1 or 2   ALIGNED: K and x_at are multiples of 4
// Numerics   x and weights are rounded to f16 (f16 weights are so already), products and sums in f32: an error of 3e-4 of a term, or
//            7e-8 of a result as normalised mean square. What f16 cannot hold becomes its largest number
// Memory     workgroup: 8 KiB with RQ = TQ = 2, of which the inner loop reads half of what the plain form's does
// Tested by  tests/ops/webgpu_matmul.c
enable f16;

// How numbers lie in workgroup memory.
alias Cell = vec4<f16>;
fn cell(v: vec4f) -> Cell { return Cell(clamp(v, vec4f(-65504.0), vec4f(65504.0))); }

// ---- tiles in workgroup memory: the same text in both forms of matmul; they define Cell ----
struct Params {
    x_at: u32, y_at: u32, split_size: u32, bias_at: u32,
    K: u32, N: u32, y_row: u32, row0: u32, // N rows of this buffer, the first of which is row0 of y
    T: u32, tiles: u32, split_tiles: u32, w_at: u32, // w_at: in units of 16 bytes
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> x_scalars: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> w: array<vec4u>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;

override LAYOUT: u32 = 4u;
override RQ: u32 = 1u;
override TQ: u32 = 1u;
override EPILOGUE: u32 = 0u;
override BIAS: bool = false;
override ALIGNED: bool = true;
const WG = 256u;
const COLUMNS = 16u; // in workgroup memory
override W_QUADS: u32 = 16u * RQ;
override X_QUADS: u32 = 16u * TQ;
var<workgroup> w_tile: array<Cell, COLUMNS * W_QUADS>; // [column][4 rows]
var<workgroup> x_tile: array<Cell, COLUMNS * X_QUADS>; // [column][4 tokens]

fn word(slot: u32, i: u32) -> vec4u { return w[p.w_at + i]; }
fn rows(slot: u32) -> u32 { return p.N; }
fn form(slot: u32) -> u32 { return LAYOUT; }
// ---- end of the same text ----

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

// ---- results of a tile: the same text in both products of many tokens ----
fn finish(row: u32, t: u32, z: u32, sum: f32) {
    var v = sum;
    let n = p.row0 + row;
    let i = p.y_at + z * p.split_size + t * p.y_row + n;
    if (BIAS) { v += bias[p.bias_at + n]; }
    if (EPILOGUE == 1u) { v += y[i]; }
    y[i] = activated(v);
}
// m: [4 tokens][4 rows]
fn store(row: u32, t: u32, z: u32, m: mat4x4f) {
    for (var i = 0u; i < 4u; i++) {
        for (var c = 0u; c < 4u; c++) {
            if (t + i < p.T && row + c < p.N) { finish(row + c, t + i, z, m[i][c]); }
        }
    }
}
// ---- end of the same text ----

// ---- sums of tiles: the same text in both forms of matmul; they define Cell and cell() ----

// The four columns of four rows or tokens that a thread brings at a step, column by column. `sub`: lane of two, half of the tile.
fn bring_w(quad: u32, step: u32, sub: u32) -> mat4x4f {
    if (4u * quad >= p.N) { return mat4x4f(); }
    let v = piece(0u, quad, step / 16u, 2u * (step % 16u) + (sub & 1u), sub >> 1u);
    return transpose(mat4x4f(v.codes[0] * INVERSE * v.scale.x + v.least.x, v.codes[1] * INVERSE * v.scale.y + v.least.y,
                             v.codes[2] * INVERSE * v.scale.z + v.least.z, v.codes[3] * INVERSE * v.scale.w + v.least.w));
}
fn bring_x(quad: u32, step: u32, sub: u32) -> mat4x4f {
    let k = step / 16u * 256u + 128u * (sub >> 1u) + 8u * (step % 16u) + 4u * (sub & 1u);
    return transpose(mat4x4f(x4(4u * quad, k), x4(4u * quad + 1u, k), x4(4u * quad + 2u, k), x4(4u * quad + 3u, k)));
}
fn add_outer(sum: mat4x4f, a: vec4f, b: vec4f) -> mat4x4f {
    return mat4x4f(fma(a, vec4f(b.x), sum[0]), fma(a, vec4f(b.y), sum[1]), fma(a, vec4f(b.z), sum[2]), fma(a, vec4f(b.w), sum[3]));
}
@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let w_first = group.x * W_QUADS;
    let x_first = group.y * X_QUADS;
    let begin = group.z * p.split_tiles * 16u;
    let end = min((group.z + 1u) * p.split_tiles, p.tiles) * 16u;
    // Neighbouring threads bring the two lanes of a quad: 32 bytes side by side.
    let brings_w = local < 4u * W_QUADS;
    let brings_x = !brings_w && local < 4u * (W_QUADS + X_QUADS);
    let job = select(local - 4u * W_QUADS, local, brings_w);
    let quads = select(X_QUADS, W_QUADS, brings_w);
    let quad = job / 2u % quads;
    let sub = (job & 1u) + job / (2u * quads) * 2u;
    let row = local % 16u;
    let token = local / 16u;
    var a00 = mat4x4f();
    var a01 = mat4x4f();
    var a10 = mat4x4f();
    var a11 = mat4x4f();
    var next = mat4x4f();
    // Step by step: what comes next sets out, what lies in workgroup memory is multiplied, what came takes its place.
    for (var step = begin; step <= end; step++) {
        if (step < end) {
            if (brings_w) { next = bring_w(w_first + quad, step, sub); }
            if (brings_x) { next = bring_x(x_first + quad, step, sub); }
        }
        if (step > begin) {
            for (var k = 0u; k < COLUMNS; k++) {
                let w0 = vec4f(w_tile[k * W_QUADS + row]);
                let x0 = vec4f(x_tile[k * X_QUADS + token]);
                a00 = add_outer(a00, w0, x0);
                if (TQ == 2u) { a01 = add_outer(a01, w0, vec4f(x_tile[k * X_QUADS + 16u + token])); }
                if (RQ == 2u) {
                    let w1 = vec4f(w_tile[k * W_QUADS + 16u + row]);
                    a10 = add_outer(a10, w1, x0);
                    if (TQ == 2u) { a11 = add_outer(a11, w1, vec4f(x_tile[k * X_QUADS + 16u + token])); }
                }
            }
        }
        workgroupBarrier();
        if (step < end && brings_w) {
            for (var i = 0u; i < 4u; i++) { w_tile[(4u * sub + i) * W_QUADS + quad] = cell(next[i]); }
        }
        if (step < end && brings_x) {
            for (var i = 0u; i < 4u; i++) { x_tile[(4u * sub + i) * X_QUADS + quad] = cell(next[i]); }
        }
        workgroupBarrier();
    }
    let row0 = 4u * (w_first + row);
    let t0 = 4u * (x_first + token);
    store(row0, t0, group.z, a00);
    if (TQ == 2u) { store(row0, t0 + 64u, group.z, a01); }
    if (RQ == 2u) { store(row0 + 64u, t0, group.z, a10); }
    if (RQ == 2u && TQ == 2u) { store(row0 + 64u, t0 + 64u, group.z, a11); }
}
// ---- end of the same text ----
