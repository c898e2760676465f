// quantize.wgsl    activations to 8 bits, as src/backend/cpu/quantize_act.h defines them
//
//   of each 32 columns   scale = max|x| / 127   q = round(x / scale), ties to even   sum = scale * sum(q)
//
// Shapes     x: [T, K] f32   y: tiles of four tokens x 256 columns, those of a group of four tokens side by side; a tile is an array of
//            vec4 whose component r belongs to token r: 64 with four codes a word, 8 scales (f32), 8 sums (f32). Zeros behind T and K
// Bindings   0 params   1 x   2 x once more   3 y (read_write)
// Dispatch   (ceil(K / 256), ceil(T / 4), 1)
// Constants  ALIGNED: K and x_at are multiples of 4
// Tested by  tests/ops/webgpu_matmul.c

struct Params { x_at: u32, K: u32, T: u32, tiles: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> x_scalars: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<u32>;

override ALIGNED: bool = true;
var<workgroup> largest: array<f32, 256>;
var<workgroup> sums: array<i32, 256>;

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

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let word = local % 64u;
    let token = local / 64u;
    let v = x4(4u * group.y + token, 256u * group.x + 4u * word);
    let a = abs(v);
    largest[local] = max(max(a.x, a.y), max(a.z, a.w));
    workgroupBarrier();
    let first = local & ~7u; // of the eight threads with 32 columns
    var most = 0.0;
    for (var i = 0u; i < 8u; i++) { most = max(most, largest[first + i]); }
    let inverse = select(0.0, 127.0 / most, most >= 1e-35);
    let q = vec4i(clamp(round(v * inverse), vec4f(-127.0), vec4f(127.0)));
    sums[local] = q.x + q.y + q.z + q.w;
    let tile = (group.y * p.tiles + group.x) * 320u + token;
    y[tile + 4u * word] = pack4xI8(q);
    workgroupBarrier();
    if (local == first) {
        var sum = 0;
        for (var i = 0u; i < 8u; i++) { sum += sums[first + i]; }
        let scale = select(0.0, most / 127.0, most >= 1e-35);
        y[tile + 256u + word / 2u] = bitcast<u32>(scale);
        y[tile + 288u + word / 2u] = bitcast<u32>(scale * f32(sum));
    }
}
