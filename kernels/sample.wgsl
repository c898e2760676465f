// sample.wgsl    the next token by sampler_next()'s rules (src/engine/sample.h)
//
// Greedy: BEST, PICK.   Drawn: BEST, then for top-k and for top-p, where they are on, four times HISTOGRAM and TIES, then SUMS, DRAW.
//   BEST       each workgroup the best (logit, id) of its block of ids; the histograms are cleared
//   PICK       the best of those is the token
//   HISTOGRAM  how many of the ids (COUNT), or how much of the probability (MASS), have each value of the pass-th byte of the key,
//              among those whose higher bytes are known to be the threshold's. The key orders logits as unsigned numbers.
//   TIES       the threshold (key, id): those before it are kept, equal logits by their ids
//   SUMS       the kept mass of each block
//   DRAW       the id at which the running mass exceeds u of the total
// Masses are 64-bit integers, exp((logit - best) / temperature) in units of 2^-40, so that sums do not depend on any order.
// One file, since all stages look at logits in the same way; STAGE takes the others out before compilation.
//
// Shapes     logits: [1,V] f32   runs: [n,2] i32   counts: [V] i32 (bits 0..23 times in the answer, bit 24 in the prompt)   ids, ring: i32
//            scratch: WORDS u32, between the stages
// Bindings   0 params   1 logits   2 runs   3 counts   4 ids   5 ring   6 scratch (3 to 6 read_write)
// Dispatch   (n_blocks) for BEST, HISTOGRAM and SUMS, (1) for the others; n_blocks <= 256, block a multiple of 256
// Tested by  tests/ops/webgpu_sample.c against sampler_next()

struct Params {
    V: u32, n_runs: u32, n_blocks: u32, block: u32,
    logits_at: u32, runs_at: u32, counts_at: u32, ids_at: u32,
    ring_at: u32, has_penalties: u32, top_k: u32, top_p: u32, // top_k: 0 = off; top_p: in units of 2^-32, 0 = off
    seed_low: u32, seed_high: u32, draw: u32, kind: u32,
    repetition: f32, presence: f32, frequency: f32, slope: f32, // slope: 1 / temperature
    min_p: f32, pass_index: u32, pad: u32, pad2: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> logits: array<u32>;
@group(0) @binding(2) var<storage, read> runs: array<u32>;
@group(0) @binding(3) var<storage, read_write> counts: array<u32>;
@group(0) @binding(4) var<storage, read_write> ids: array<i32>;
@group(0) @binding(5) var<storage, read_write> ring: array<i32>;
@group(0) @binding(6) var<storage, read_write> scratch: array<atomic<u32>>;

override STAGE: u32 = 0u;
const BEST = 0u;
const PICK = 1u;
const HISTOGRAM = 2u;
const TIES = 3u;
const SUMS = 4u;
const DRAW = 5u;
const COUNT = 0u; // kinds of threshold
const MASS = 1u;

const WG = 256u;
const MAXIMA = 0u; // [256, 2]: key, id
const HISTOGRAMS = 512u; // [kind, pass, 256, 2]
const STATES = 4608u; // [kind, pass, 4]: bytes of the threshold known before the pass, what is still wanted (2 words)
const BOUNDS = 4640u; // [kind, 2]: key, id
const MASSES = 4644u; // [256, 2]
const INFINITE = 0xff800000u; // the key of infinity; keys of numbers are below, of no candidate 0

var<workgroup> wide: array<vec2u, WG>;
var<workgroup> low: array<atomic<u32>, WG>;
var<workgroup> high: array<atomic<u32>, WG>;
var<workgroup> picked: vec4u;
var<workgroup> ambiguous: u32;

// ---- 64-bit numbers: low word, high word ----

fn add64(a: vec2u, b: vec2u) -> vec2u {
    let sum = a.x + b.x;
    return vec2u(sum, a.y + b.y + select(0u, 1u, sum < a.x));
}
fn sub64(a: vec2u, b: vec2u) -> vec2u { return vec2u(a.x - b.x, a.y - b.y - select(0u, 1u, a.x < b.x)); }
fn less64(a: vec2u, b: vec2u) -> bool { return a.y < b.y || (a.y == b.y && a.x < b.x); }
fn product(a: u32, b: u32) -> vec2u {
    let ll = (a & 0xffffu) * (b & 0xffffu);
    let lh = (a & 0xffffu) * (b >> 16u);
    let hl = (a >> 16u) * (b & 0xffffu);
    let mid = (ll >> 16u) + (lh & 0xffffu) + (hl & 0xffffu);
    return vec2u((ll & 0xffffu) | (mid << 16u), (a >> 16u) * (b >> 16u) + (lh >> 16u) + (hl >> 16u) + (mid >> 16u));
}
fn times64(a: vec2u, n: u32) -> vec2u { return add64(product(a.x, n), vec2u(0u, a.y * n)); }
// a * f / 2^32, rounded down
fn share64(a: vec2u, f: u32) -> vec2u { return add64(product(a.y, f), vec2u(product(a.x, f).y, 0u)); }

// wide[i] = own_0 + ... + own_i over the workgroup.
fn scan(lane: u32, at: u32, own: vec2u) {
    workgroupBarrier();
    wide[at] = own;
    workgroupBarrier();
    for (var step = 1u; step < WG; step *= 2u) {
        var sum = wide[lane];
        if (lane >= step) { sum = add64(sum, wide[lane - step]); }
        workgroupBarrier();
        wide[lane] = sum;
        workgroupBarrier();
    }
}

// ---- logits and weights ----

fn key_of(id: u32) -> u32 {
    var allowed = false;
    for (var r = 0u; r < p.n_runs; r++) {
        allowed |= id >= runs[p.runs_at + 2u * r] && id < runs[p.runs_at + 2u * r + 1u];
    }
    if (!allowed) { return 0u; }
    var bits = logits[p.logits_at + id];
    if ((bits & 0x7f800000u) == 0x7f800000u) { return select(0u, INFINITE, bits == 0x7f800000u); }
    if (p.has_penalties != 0u) {
        let c = counts[p.counts_at + id];
        let n = c & 0xffffffu;
        var l = bitcast<f32>(bits);
        if (c != 0u) {
            if (l > 0.0) { l /= p.repetition; } else { l *= p.repetition; }
            if (n != 0u) { l -= p.presence + f32(n) * p.frequency; }
        }
        bits = bitcast<u32>(l);
    }
    if (bits == 0x80000000u) { bits = 0u; }
    return select(bits | 0x80000000u, ~bits, (bits >> 31u) != 0u);
}
fn logit_of(key: u32) -> f32 { return bitcast<f32>(select(~key, key & 0x7fffffffu, (key >> 31u) != 0u)); }

// e^x for x <= 0, as src/engine/sample.c computes it.
fn exp_negative(y: f32) -> f32 {
    let x = max(y, -87.0);
    let n = round(x * 1.44269504);
    let r = (x - n * 0.693359375) + n * 2.12194440e-4;
    let e = 1.0 + r * (1.0 + r * (0.5 + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * (1.0 / 120.0 + r * (1.0 / 720.0))))));
    return e * bitcast<f32>(u32(i32(n) + 127) << 23u);
}
// In units of 2^-40, at most 2^40.
fn mass_of(weight: f32) -> vec2u {
    let bits = bitcast<u32>(weight);
    let mantissa = (bits & 0x7fffffu) | 0x800000u;
    let shift = i32(bits >> 23u) - 110;
    if (shift > 0) { return vec2u(mantissa << u32(shift), mantissa >> u32(32 - shift)); }
    return vec2u(select(mantissa >> u32(min(-shift, 31)), 0u, shift <= -24), 0u);
}
fn weight_of(key: u32, top: f32) -> f32 { return exp_negative((logit_of(key) - top) * p.slope); }

// ---- what earlier stages left ----

fn load64(at: u32) -> vec2u { return vec2u(atomicLoad(&scratch[at]), atomicLoad(&scratch[at + 1u])); }
fn store64(at: u32, x: vec2u) {
    atomicStore(&scratch[at], x.x);
    atomicStore(&scratch[at + 1u], x.y);
}

// The best (key, id) of what each thread has: the larger key, then the lower id. Key 0: there is none.
fn best_of(lane: u32, own: vec2u) -> vec2u {
    workgroupBarrier();
    wide[lane] = own;
    workgroupBarrier();
    for (var half = WG / 2u; half > 0u; half /= 2u) {
        if (lane < half) {
            let a = wide[lane];
            let b = wide[lane + half];
            if (b.x > a.x || (b.x == a.x && b.y < a.y)) { wide[lane] = b; }
        }
        workgroupBarrier();
    }
    return wide[0];
}
fn best_of_blocks(lane: u32) -> vec2u {
    var own = vec2u(0u, 0xffffffffu);
    if (lane < p.n_blocks) { own = load64(MAXIMA + 2u * lane); }
    return best_of(lane, own);
}

// Key and id of the last that a threshold keeps.
fn bound_of(kind: u32) -> vec2u {
    let is_on = select(p.top_p, p.top_k, kind == COUNT) != 0u;
    if (!is_on) { return vec2u(0u, 0xffffffffu); }
    return load64(BOUNDS + 2u * kind);
}
fn is_kept(key: u32, id: u32, bound: vec2u) -> bool { return key > bound.x || (key == bound.x && id <= bound.y); }

// The byte of the threshold that a histogram decides: picked = (bytes known so far, what is wanted of this byte's ids (2 words), whether
// that is less than all of them).
fn pick_byte(lane: u32, kind: u32, pass_index: u32) {
    let own = load64(HISTOGRAMS + 2u * ((kind * 4u + pass_index) * WG + lane));
    if (lane == 0u) { picked = vec4u(); }
    scan(lane, WG - 1u - lane, own); // from the largest byte down
    let total = wide[WG - 1u];
    var want = vec2u(p.top_k, 0u);
    var known = 0u;
    if (pass_index > 0u) {
        let state = STATES + 4u * (kind * 4u + pass_index);
        known = atomicLoad(&scratch[state]);
        want = load64(state + 1u);
    } else if (kind == MASS) {
        want = add64(share64(total, p.top_p), vec2u(1u, 0u));
    }
    if (less64(total, want)) { want = total; }
    let up_to = wide[WG - 1u - lane];
    let before = sub64(up_to, own);
    if (!less64(up_to, want) && less64(before, want)) {
        let left = sub64(want, before);
        picked = vec4u((known << 8u) | lane, left, select(0u, 1u, less64(left, own)));
    }
    workgroupBarrier();
}

// ---- stages ----

fn find_best(wg: u32, lane: u32) {
    var own = vec2u(0u, 0xffffffffu);
    for (var id = wg * p.block + lane; id < min(p.V, (wg + 1u) * p.block); id += WG) {
        let key = key_of(id);
        if (key > own.x) { own = vec2u(key, id); }
    }
    own = best_of(lane, own);
    if (lane == 0u) { store64(MAXIMA + 2u * wg, own); }
    for (var i = wg * WG + lane; i < STATES - HISTOGRAMS; i += p.n_blocks * WG) { atomicStore(&scratch[HISTOGRAMS + i], 0u); }
}

fn write_result(id: i32) {
    ids[p.ids_at] = id;
    ring[p.ring_at] = id;
    if (id >= 0) { counts[p.counts_at + u32(id)] += 1u; }
}

fn fill_histogram(wg: u32, lane: u32) {
    let top = logit_of(best_of_blocks(lane).x);
    var known = 0u;
    if (p.pass_index > 0u) {
        pick_byte(lane, p.kind, p.pass_index - 1u);
        known = picked.x;
        if (wg == 0u && lane == 0u) {
            let state = STATES + 4u * (p.kind * 4u + p.pass_index);
            atomicStore(&scratch[state], known);
            store64(state + 1u, picked.yz);
        }
    }
    var bound = vec2u(0u, 0xffffffffu);
    if (p.kind == MASS) { bound = bound_of(COUNT); }
    let shift = 24u - 8u * p.pass_index;
    for (var id = wg * p.block + lane; id < min(p.V, (wg + 1u) * p.block); id += WG) {
        let key = key_of(id);
        if (key == 0u || (p.pass_index > 0u && key >> (shift + 8u) != known) || !is_kept(key, id, bound)) { continue; }
        var x = vec2u(1u, 0u);
        if (p.kind == MASS) { x = mass_of(weight_of(key, top)); }
        if (x.x == 0u && x.y == 0u) { continue; }
        let byte = (key >> shift) & 255u;
        let was = atomicAdd(&low[byte], x.x);
        atomicAdd(&high[byte], x.y + select(0u, 1u, was + x.x < was));
    }
    workgroupBarrier();
    let x = vec2u(atomicLoad(&low[lane]), atomicLoad(&high[lane]));
    if (x.x != 0u || x.y != 0u) {
        let at = HISTOGRAMS + 2u * ((p.kind * 4u + p.pass_index) * WG + lane);
        let was = atomicAdd(&scratch[at], x.x);
        atomicAdd(&scratch[at + 1u], x.y + select(0u, 1u, was + x.x < was));
    }
}

fn find_bound(lane: u32) {
    let top = logit_of(best_of_blocks(lane).x);
    pick_byte(lane, p.kind, 3u);
    let key = picked.x;
    let want = picked.yz;
    if (lane == 0u) {
        ambiguous = picked.w;
        store64(BOUNDS + 2u * p.kind, vec2u(key, 0xffffffffu));
    }
    if (workgroupUniformLoad(&ambiguous) == 0u) { return; }
    // Not all that have this key are kept: as many as reach what is wanted, lowest ids first.
    var each = vec2u(1u, 0u);
    var bound = vec2u(0u, 0xffffffffu);
    if (p.kind == MASS) {
        each = mass_of(weight_of(key, top));
        bound = bound_of(COUNT);
    }
    var n_kept = 0u;
    for (var step = 1u << 23u; step > 0u; step /= 2u) { // (the largest mass, 2^40, times 2^24 would not fit)
        if (less64(times64(each, n_kept + step), want)) { n_kept += step; }
    }
    n_kept++;
    let per = (p.V + WG - 1u) / WG;
    let first = lane * per;
    var n = 0u;
    for (var id = first; id < min(p.V, first + per); id++) { n += select(0u, 1u, key_of(id) == key && is_kept(key, id, bound)); }
    scan(lane, lane, vec2u(n, 0u));
    var before = wide[lane].x - n;
    if (before < n_kept && n_kept <= before + n) {
        for (var id = first; id < min(p.V, first + per); id++) {
            before += select(0u, 1u, key_of(id) == key && is_kept(key, id, bound));
            if (before == n_kept) {
                atomicStore(&scratch[BOUNDS + 2u * p.kind + 1u], id);
                break;
            }
        }
    }
}

// The mass of an id if it may be drawn.
fn drawn_mass(id: u32, top: f32, by_count: vec2u, by_mass: vec2u) -> vec2u {
    let key = key_of(id);
    if (key == 0u || !is_kept(key, id, by_count) || !is_kept(key, id, by_mass)) { return vec2u(); }
    let weight = weight_of(key, top);
    if (weight < p.min_p) { return vec2u(); }
    return mass_of(weight);
}

fn sum_block(wg: u32, lane: u32) {
    let top = logit_of(best_of_blocks(lane).x);
    let by_count = bound_of(COUNT);
    let by_mass = bound_of(MASS);
    var sum = vec2u();
    for (var id = wg * p.block + lane; id < min(p.V, (wg + 1u) * p.block); id += WG) {
        sum = add64(sum, drawn_mass(id, top, by_count, by_mass));
    }
    scan(lane, lane, sum);
    if (lane == 0u) { store64(MASSES + 2u * wg, wide[WG - 1u]); }
}

// sample_random() of src/engine/sample.c.
fn random() -> u32 {
    var v = vec4u(p.seed_low, p.seed_high, p.draw, 0u) * 1664525u + 1013904223u;
    v.x += v.y * v.w;
    v.y += v.z * v.x;
    v.z += v.x * v.y;
    v.w += v.y * v.z;
    v ^= v >> vec4u(16u);
    return v.x + v.y * v.w;
}

fn draw(lane: u32) {
    let best = best_of_blocks(lane).x;
    if (lane == 0u) { ambiguous = select(1u, 0u, best > 0u && best < INFINITE); }
    if (workgroupUniformLoad(&ambiguous) != 0u) {
        if (lane == 0u) { write_result(-1); }
        return;
    }
    let top = logit_of(best);
    var own = vec2u();
    if (lane < p.n_blocks) { own = load64(MASSES + 2u * lane); }
    scan(lane, lane, own);
    let total = wide[WG - 1u];
    let u = add64(share64(total, random()), vec2u(total.y >> 1u, 0u)); // total * (random + 1/2) / 2^32
    var before = sub64(wide[lane], own);
    if (!less64(u, before) && less64(u, wide[lane])) { picked = vec4u(lane, sub64(u, before), 0u); }
    workgroupBarrier();
    let target64 = picked.yz;
    let per = p.block / WG;
    let first = picked.x * p.block + lane * per;
    let end = min(p.V, first + per);
    let by_count = bound_of(COUNT);
    let by_mass = bound_of(MASS);
    own = vec2u();
    for (var id = first; id < end; id++) { own = add64(own, drawn_mass(id, top, by_count, by_mass)); }
    scan(lane, lane, own);
    before = sub64(wide[lane], own);
    if (!less64(target64, before) && less64(target64, wide[lane])) {
        for (var id = first; id < end; id++) {
            before = add64(before, drawn_mass(id, top, by_count, by_mass));
            if (less64(target64, before)) {
                write_result(i32(id));
                break;
            }
        }
    }
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
    switch (STAGE) {
        case BEST: { find_best(wg.x, lane); }
        case PICK: {
            let best = best_of_blocks(lane);
            if (lane == 0u) { write_result(select(-1, i32(best.y), best.x > 0u && best.x < INFINITE)); }
        }
        case HISTOGRAM: { fill_histogram(wg.x, lane); }
        case TIES: { find_bound(lane); }
        case SUMS: { sum_block(wg.x, lane); }
        default: { draw(lane); }
    }
}
