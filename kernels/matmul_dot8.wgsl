// matmul_dot8.wgsl    y[t, n] = epilogue(sum_k x[t, k] * w[n, k] + bias[n]) for many tokens, with 8-bit dot products
//
// As matmul.wgsl, but x comes in 8 bits from quantize.wgsl and the weights' codes stay whole numbers: a block of 32 columns is eight
// instructions of four products, and its sum becomes f32 once. This is the product as src/backend/cpu/quantize_act.h defines it.
//
// A workgroup makes 64 RQ rows by 64 tokens, a thread 4 RQ by 4 of them. 64 columns at a time lie in workgroup memory, four a
// word: columns 32 g .. + 31 of each half of a tile, so that every word of weights is read once. The eight steps of a block are written
// out: a loop over them took 1.45 times as long.
//
// Shapes     x: tiles of quantize.wgsl   w: [N, K] in tiles (src/backend/webgpu/weight.h)   y: [T, y_row] f32   bias: [y_row]
// Bindings   0 params   1 x   2 bias (any buffer without BIAS)   3 w   4 y (read_write)
// Dispatch   (ceil(N / (64 RQ)), ceil(T / 64), splits); split z takes split_tiles tiles of 256 columns into y_at + z * split_size
// Constants  RQ 1 or 2   LAYOUT: Q8, Q4, Q4_1, Q4_K or Q5_K
// Memory     workgroup: 15.3 KiB with RQ = 2
// Numerics   whole numbers within a block (below 2^22), f32 over blocks
// Tested by  tests/ops/webgpu_matmul.c

requires packed_4x8_integer_dot_product;

struct Params {
    x_quads: u32, y_at: u32, split_size: u32, bias_at: u32, // x_quads: groups of four tokens
    pad0: u32, N: u32, y_row: u32, row0: u32, // N rows of this buffer, the first of which is row0 of y
    T: u32, tiles: u32, split_tiles: u32, w_at: u32, // w_at: in units of 16 bytes
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4u>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> w: array<vec4u>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

override LAYOUT: u32 = 4u;
override RQ: u32 = 1u;
override EPILOGUE: u32 = 0u;
override BIAS: bool = false;
const Q8 = 3u; const Q4 = 4u; const Q4_1 = 5u; const Q4_K = 6u; const Q5_K = 7u; // enum weight_layout
override HAS_LEAST: bool = LAYOUT >= Q4_1;
// Units of 16 bytes of a tile.
override TILE: u32 = select(select(select(select(45u, 37u, LAYOUT == Q4_K), 40u, LAYOUT == Q4_1), 36u, LAYOUT == Q4), 68u, LAYOUT == Q8);
override W_QUADS: u32 = 16u * RQ;
const X_QUADS = 16u;
// [half of the tile][4 rows or tokens]: eight words and the scale. Words that follow one another cost one check of an index and one
// address; nine of them let neighbouring threads read from different banks.
var<workgroup> w_tile: array<array<vec4u, 9>, 2u * W_QUADS>;
var<workgroup> x_tile: array<array<vec4u, 9>, 2u * X_QUADS>;
var<workgroup> w_least: array<vec4f, 2u * W_QUADS>;
var<workgroup> x_sum: array<vec4f, 2u * X_QUADS>;

// One half of two, for each row.
fn halves(words: vec4u, j: u32) -> vec4f {
    let h = words >> vec4u(16u * j);
    return vec4f(unpack2x16float(h.x).x, unpack2x16float(h.y).x, unpack2x16float(h.z).x, unpack2x16float(h.w).x);
}
// Bytes that hold q become bytes that hold q - 8, or q - 128; no byte borrows from the next.
fn less_8(q: vec4u) -> vec4u { return ((q | vec4u(0x80808080u)) - vec4u(0x08080808u)) ^ vec4u(0x80808080u); }
fn less_128(q: vec4u) -> vec4u { return q ^ vec4u(0x80808080u); }

// Where a tile of four rows begins.
fn tile_at(quad: u32, tile: u32) -> u32 { return p.w_at + (quad * p.tiles + tile) * TILE; }

struct Codes { low: vec4u, high: vec4u } // of the two halves of a tile
fn bring_codes(quad: u32, tile: u32, lane: u32) -> Codes {
    if (4u * quad >= p.N) { return Codes(); }
    let nth = tile_at(quad, tile);
    let q = w[nth + lane];
    if (LAYOUT == Q8) { return Codes(less_128(q), less_128(w[nth + 32u + lane])); }
    var low = q & vec4u(0x0f0f0f0fu);
    var high = (q >> vec4u(4u)) & vec4u(0x0f0f0f0fu);
    if (LAYOUT == Q4) { return Codes(less_8(low), less_8(high)); }
    if (LAYOUT == Q5_K) {
        let fifth = w[nth + 32u + lane / 4u] >> vec4u(2u * (lane & 3u));
        low |= (fifth & vec4u(0x01010101u)) << vec4u(4u);
        high |= ((fifth >> vec4u(1u)) & vec4u(0x01010101u)) << vec4u(4u);
    }
    return Codes(low, high);
}
struct Scales { scale: vec4f, least: vec4f }
// Of columns 128 j + 32 g .. + 31.
fn bring_scales(quad: u32, tile: u32, g: u32, j: u32) -> Scales {
    if (4u * quad >= p.N) { return Scales(); }
    let nth = tile_at(quad, tile);
    if (LAYOUT == Q8) { return Scales(halves(w[nth + 64u + g], j), vec4f()); }
    if (LAYOUT == Q4) { return Scales(halves(w[nth + 32u + g], j), vec4f()); }
    if (LAYOUT == Q4_1) { return Scales(halves(w[nth + 32u + g], j), halves(w[nth + 36u + g], j)); }
    let scales = nth + select(32u, 40u, LAYOUT == Q5_K);
    let s = w[scales + g] >> vec4u(16u * j);
    let d = w[scales + 4u];
    return Scales(halves(d, 0u) * vec4f(s & vec4u(63u)), -(halves(d, 1u) * vec4f((s >> vec4u(8u)) & vec4u(63u))));
}
fn bring_x(quad: u32, tile: u32, i: u32) -> vec4u {
    if (quad >= p.x_quads) { return vec4u(); }
    return x[(quad * p.tiles + tile) * 80u + i];
}

// Sums of a block begin at the bits of 1.5 * 2^23: as f32 they are that number plus the sum, which needs no conversion.
const ZERO = 0x4b400000;
const ZERO_F32 = 12582912.0;
fn dots(w: vec4u, x: u32) -> vec4i { return vec4i(dot4I8Packed(w.x, x), dot4I8Packed(w.y, x), dot4I8Packed(w.z, x), dot4I8Packed(w.w, x)); }
struct Sums { t0: vec4i, t1: vec4i, t2: vec4i, t3: vec4i } // of four tokens, for four rows
fn no_sums() -> Sums { return Sums(vec4i(ZERO), vec4i(ZERO), vec4i(ZERO), vec4i(ZERO)); }
fn add_dots(s: Sums, w: vec4u, x: vec4u) -> Sums { return Sums(s.t0 + dots(w, x.x), s.t1 + dots(w, x.y), s.t2 + dots(w, x.z), s.t3 + dots(w, x.w)); }
fn block(w_at: u32, x_at: u32) -> Sums {
    var s = no_sums();
    s = add_dots(s, w_tile[w_at][0], x_tile[x_at][0]);
    s = add_dots(s, w_tile[w_at][1], x_tile[x_at][1]);
    s = add_dots(s, w_tile[w_at][2], x_tile[x_at][2]);
    s = add_dots(s, w_tile[w_at][3], x_tile[x_at][3]);
    s = add_dots(s, w_tile[w_at][4], x_tile[x_at][4]);
    s = add_dots(s, w_tile[w_at][5], x_tile[x_at][5]);
    s = add_dots(s, w_tile[w_at][6], x_tile[x_at][6]);
    s = add_dots(s, w_tile[w_at][7], x_tile[x_at][7]);
    return s;
}
// The block's part of four tokens x four rows.
fn add_block(sum: mat4x4f, w_at: u32, x_at: u32) -> mat4x4f {
    let s = block(w_at, x_at);
    let ws = bitcast<vec4f>(w_tile[w_at][8]);
    let xs = bitcast<vec4f>(x_tile[x_at][8]);
    var m = mat4x4f(fma(bitcast<vec4f>(s.t0) - ZERO_F32, ws * xs.x, sum[0]), fma(bitcast<vec4f>(s.t1) - ZERO_F32, ws * xs.y, sum[1]),
                    fma(bitcast<vec4f>(s.t2) - ZERO_F32, ws * xs.z, sum[2]), fma(bitcast<vec4f>(s.t3) - ZERO_F32, ws * xs.w, sum[3]));
    if (HAS_LEAST) {
        let least = w_least[w_at];
        let total = x_sum[x_at];
        m = mat4x4f(fma(least, vec4f(total.x), m[0]), fma(least, vec4f(total.y), m[1]), fma(least, vec4f(total.z), m[2]), fma(least, vec4f(total.w), m[3]));
    }
    return m;
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

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let w_first = group.x * W_QUADS;
    let x_first = group.y * X_QUADS;
    let begin = group.z * p.split_tiles * 4u;
    let end = min((group.z + 1u) * p.split_tiles, p.tiles) * 4u;
    // Eight neighbouring threads bring the words of four rows, sixteen those of four tokens.
    let brings_w = local < 8u * W_QUADS;
    let row = local % 16u;
    let token = local / 16u;
    var a0 = mat4x4f();
    var a1 = mat4x4f();
    var codes = Codes();
    var scales = Scales();
    var words = vec4u();
    var about_x = vec4u();
    // Step by step: what comes next sets out, what lies in workgroup memory is multiplied, what came takes its place.
    for (var step = begin; step <= end; step++) {
        let tile = step / 4u;
        let g = step % 4u;
        if (step < end) {
            if (brings_w) { codes = bring_codes(w_first + local / 8u, tile, 8u * g + local % 8u); }
            let i = 32u * (local / 8u % 2u) + 8u * g + local % 8u; // word of the tile
            words = bring_x(x_first + local / 16u, tile, i);
            if (local < 2u * W_QUADS) { scales = bring_scales(w_first + local / 2u, tile, g, local % 2u); }
            if (local < 4u * X_QUADS) { about_x = bring_x(x_first + local / 4u, tile, 64u + 4u * (local % 4u) + g); }
        }
        if (step > begin) {
            for (var j = 0u; j < 2u; j++) {
                let w_at = j * W_QUADS + row;
                let x_at = j * X_QUADS + token;
                a0 = add_block(a0, w_at, x_at);
                if (RQ == 2u) { a1 = add_block(a1, w_at + 16u, x_at); }
            }
        }
        workgroupBarrier();
        if (step < end) {
            if (brings_w) {
                w_tile[local / 8u][local % 8u] = codes.low;
                w_tile[W_QUADS + local / 8u][local % 8u] = codes.high;
            }
            let at = local / 8u % 2u * X_QUADS + local / 16u;
            x_tile[at][local % 8u] = words;
            if (local < 2u * W_QUADS) {
                let at = local % 2u * W_QUADS + local / 2u;
                w_tile[at][8] = bitcast<vec4u>(scales.scale);
                if (HAS_LEAST) { w_least[at] = scales.least; }
            }
            if (local < 4u * X_QUADS) {
                let at = local % 2u * X_QUADS + local / 4u;
                if (local % 4u < 2u) { x_tile[at][8] = about_x; } else { x_sum[at] = bitcast<vec4f>(about_x); }
            }
        }
        workgroupBarrier();
    }
    let row0 = 4u * (w_first + row);
    let t0 = 4u * (x_first + token);
    store(row0, t0, group.z, a0);
    if (RQ == 2u) { store(row0 + 64u, t0, group.z, a1); }
}
