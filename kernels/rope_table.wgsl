// rope_table.wgsl    cs[t,j] = cos, sin of (pos[axis[j], t] * inv_freq[j]), the product rounded to f32
//
// Shapes     cs: [T, n_freq, 2] f32   pos: [n_axes, T] i32, below 2^24 in size   freq: [n_freq, 2] words: bits of inv_freq, axis
// Bindings   0 params (uniform)   1 pos (read)   2 freq (read)   3 cs (read_write)
// Dispatch   workgroups of 256 angles each, counted along x first
// Numerics   within 2e-7 for all angles below 2^22. Sine and cosine of WGSL are only good near zero, and an angle of 2^18 has steps
//            of 1/32 as an f32: its bits are taken as an integer m * 2^e and multiplied by 2^64 / 2 pi in integers, which leaves
//            the fraction of a turn in 32 bits and nothing that a compiler may round otherwise.
// Tested by  tests/ops/webgpu_rows.c against the portable op and against double precision

struct Params { n: u32, T: u32, n_freq: u32, pos_at: u32, cs_at: u32 } // n = T * n_freq
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> pos: array<i32>;
@group(0) @binding(2) var<storage, read> freq: array<vec2u>;
@group(0) @binding(3) var<storage, read_write> cs: array<f32>;

// floor(2^64 / 2 pi)
const TURNS_HIGH = 0x28be60dbu;
const TURNS_LOW = 0x9391054au;

// a * b = x * 2^32 + y
fn product(a: u32, b: u32) -> vec2u {
    let low = (a & 0xffffu) * (b & 0xffffu);
    let middle = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
    let other = (a & 0xffffu) * (b >> 16u) + (middle & 0xffffu);
    return vec2u((a >> 16u) * (b >> 16u) + (middle >> 16u) + (other >> 16u), a * b);
}

// |angle| / 2 pi as a fraction of a turn, in units of 2^-32.
fn turns(angle: f32) -> u32 {
    let bits = bitcast<u32>(angle);
    let exponent = (bits >> 23u) & 0xffu;
    if (exponent == 0u) { return 0u; }
    let m = (bits & 0x7fffffu) | 0x800000u; // angle = m * 2^(exponent - 150)
    let low = product(m, TURNS_LOW);
    var high = product(m, TURNS_HIGH);
    let sum = high.y + low.x;
    if (sum < low.x) { high.x += 1u; }
    // (high.x, sum, low.y) = m * 2^64 / 2 pi; the fraction begins 64 bits above the lowest once 2^(150 - exponent) is divided off.
    let right = 150u - min(exponent, 149u);
    if (right < 32u) { return (sum >> right) | (high.x << (32u - right)); }
    if (right < 64u) { return high.x >> (right - 32u); }
    return 0u;
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) n_wg: vec3u, @builtin(local_invocation_index) lane: u32) {
    let i = (wg.y * n_wg.x + wg.x) * 256u + lane;
    if (i >= p.n) { return; }
    let t = i / p.n_freq;
    let f = freq[i - t * p.n_freq];
    let angle = f32(pos[p.pos_at + f.y * p.T + t]) * bitcast<f32>(f.x);
    let turn = turns(angle);
    let quarter = (turn + 0x20000000u) >> 30u;
    let a = f32(bitcast<i32>(turn - (quarter << 30u))) * 1.4629180792671596e-9; // 2 pi / 2^32; |a| <= pi / 4
    let a2 = a * a;
    let s = a + a * a2 * (-0.16666667 + a2 * (8.333333e-3 + a2 * (-1.984127e-4 + a2 * 2.7557319e-6)));
    let c = 1.0 + a2 * (-0.5 + a2 * (4.1666668e-2 + a2 * (-1.3888889e-3 + a2 * (2.4801587e-5 - a2 * 2.755732e-7))));
    var co = select(c, s, (quarter & 1u) == 1u);
    var si = select(s, c, (quarter & 1u) == 1u);
    if (quarter == 1u || quarter == 2u) { co = -co; }
    if (((quarter & 2u) != 0u) != (angle < 0.0)) { si = -si; }
    cs[p.cs_at + 2u * i] = co;
    cs[p.cs_at + 2u * i + 1u] = si;
}
