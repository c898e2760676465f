// attention_store.wgsl    keys through rmsnorm and the rotary embedding into the cache, values as they are
//
//   k_cache[h, pos+t, :] = rope(rmsnorm(k[t, h, :], norm))     v_cache[h, pos+t, :] = v[t, h, :]
//
// Shapes     k, v: [T, n_kv*head_dim] f32   norm: [head_dim]   cs: [T, 2*n_freq]   caches: [n_kv, n_ctx, head_dim] f16 or f32;
//            head_dim a multiple of 4, at most 256
// Bindings   0 params   1 step (word 0: position of token 0)   2 k   3 v   4 cs   5 norm   6 k_cache   7 v_cache (read_write)
// Dispatch   (n_kv, T)
// Tested by  tests/ops/webgpu_attention.c

struct Params {
    k_in: u32, v_in: u32, cs_at: u32, n_freq: u32,
    k_at: u32, v_at: u32, n_ctx: u32, norm_at: u32, // k_at, v_at: in units of 4 values
    eps: f32, pad: f32, pad2: f32, pad3: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> position: array<u32>;
@group(0) @binding(2) var<storage, read> k: array<f32>;
@group(0) @binding(3) var<storage, read> v: array<vec4f>;
@group(0) @binding(4) var<storage, read> cs: array<f32>;
@group(0) @binding(5) var<storage, read> norm: array<f32>;
@group(0) @binding(6) var<storage, read_write> k_cache: array<vec2u>;
@group(0) @binding(7) var<storage, read_write> v_cache: array<vec2u>;

override D4: u32 = 64u;
override F16: bool = true;
const WG = 256u;

var<workgroup> head: array<f32, WG>;
var<workgroup> sums: array<f32, WG>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) n_wg: vec3u, @builtin(local_invocation_index) lane: u32) {
    let dim = 4u * D4;
    let source = (wg.y * n_wg.x + wg.x) * dim;
    var x = 0.0;
    if (lane < dim) { x = k[p.k_in + source + lane]; }
    sums[lane] = x * x;
    workgroupBarrier();
    for (var half = WG / 2u; half > 0u; half /= 2u) {
        if (lane < half) { sums[lane] += sums[lane + half]; }
        workgroupBarrier();
    }
    if (lane < dim) { head[lane] = x * inverseSqrt(sums[0] / f32(dim) + p.eps) * norm[p.norm_at + lane]; }
    workgroupBarrier();
    if (lane < p.n_freq) {
        let turn = p.cs_at + 2u * (wg.y * p.n_freq + lane);
        let c = cs[turn];
        let s = cs[turn + 1u];
        let low = head[lane];
        let high = head[lane + p.n_freq];
        head[lane] = low * c - high * s;
        head[lane + p.n_freq] = high * c + low * s;
    }
    workgroupBarrier();
    if (lane < D4) {
        let row = (wg.x * p.n_ctx + position[0] + wg.y) * D4 + lane;
        let key = vec4f(head[4u * lane], head[4u * lane + 1u], head[4u * lane + 2u], head[4u * lane + 3u]);
        let value = v[(p.v_in + source) / 4u + lane];
        if (F16) {
            k_cache[p.k_at + row] = vec2u(pack2x16float(key.xy), pack2x16float(key.zw));
            v_cache[p.v_at + row] = vec2u(pack2x16float(value.xy), pack2x16float(value.zw));
        } else {
            k_cache[2u * (p.k_at + row)] = bitcast<vec2u>(key.xy);
            k_cache[2u * (p.k_at + row) + 1u] = bitcast<vec2u>(key.zw);
            v_cache[2u * (p.v_at + row)] = bitcast<vec2u>(value.xy);
            v_cache[2u * (p.v_at + row) + 1u] = bitcast<vec2u>(value.zw);
        }
    }
}
