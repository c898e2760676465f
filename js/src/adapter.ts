// From navigator.gpu to a device that is known to compute rightly.

import { Gpu, type GpuDescription } from './gpu.js';

/** Limits that the engine makes use of where the adapter has more than the default. */
const limits = ['maxBufferSize', 'maxStorageBufferBindingSize', 'maxComputeWorkgroupStorageSize', 'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX', 'maxStorageBuffersPerShaderStage'] as const;
const features = ['subgroups', 'shader-f16', 'timestamp-query'] as const;

export interface Found {
  adapter: GPUAdapter;
  description: GpuDescription;
}

/** The adapter and what it is, or in words why there is none. */
export async function findAdapter(api: GPU | undefined): Promise<Found | string> {
  if (!api) return typeof isSecureContext !== 'undefined' && !isSecureContext ? 'WebGPU needs a secure context (https or localhost)' : 'there is no WebGPU here';
  let adapter: GPUAdapter | null;
  try {
    adapter = await api.requestAdapter({ powerPreference: 'high-performance' });
  } catch (e) {
    return `WebGPU refused an adapter: ${e instanceof Error ? e.message : String(e)}`;
  }
  if (!adapter) return 'WebGPU has no adapter on this machine';
  const info = adapter.info as GPUAdapterInfo | undefined;
  const words = [info?.description || info?.device, info?.vendor, info?.architecture].filter((s, i, all) => s && all.indexOf(s) === i);
  const name = words.join(' ') || 'GPU';
  const software = info?.isFallbackAdapter === true || (adapter as { isFallbackAdapter?: boolean }).isFallbackAdapter === true
    || /swiftshader|llvmpipe|lavapipe|softpipe|basic render/i.test(name);
  const has = adapter.features.has('subgroups');
  const description = {
    name: `${name} (WebGPU)`,
    software,
    subgroupMin: has ? info?.subgroupMinSize ?? 4 : 0,
    subgroupMax: has ? info?.subgroupMaxSize ?? 128 : 0,
    // Metal has no such instruction; what would stand in for it was measured nowhere.
    dot8: info?.vendor !== 'apple' && (api.wgslLanguageFeatures?.has('packed_4x8_integer_dot_product') ?? false),
  };
  return { adapter, description };
}

export async function openGpu(found: Found): Promise<Gpu> {
  const { adapter, description } = found;
  const requiredLimits: Record<string, number> = {};
  for (const name of limits) requiredLimits[name] = adapter.limits[name];
  const requiredFeatures = features.filter((f) => adapter.features.has(f));
  const device = await adapter.requestDevice({ requiredLimits, requiredFeatures: requiredFeatures as GPUFeatureName[] });
  return new Gpu(device, description);
}

/** Sums of products, in f32 through workgroup memory and, where there are subgroups or f16, through these too. */
function selfTestShader(subgroups: boolean, f16: boolean): string {
  return `${subgroups ? 'enable subgroups;\n' : ''}${f16 ? 'enable f16;\n' : ''}
@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
var<workgroup> part: array<f32, 64>;
@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) i: u32, @builtin(workgroup_id) g: vec3u${subgroups ? ', @builtin(subgroup_size) size: u32' : ''}) {
  let v = unpack2x16float(x[g.x * 64u + i]);
  part[i] = v.x * v.y;
  workgroupBarrier();
  for (var n = 32u; n > 0u; n /= 2u) {
    if (i < n) { part[i] += part[i + n]; }
    workgroupBarrier();
  }
  let all = ${subgroups ? 'subgroupAdd(1.0) / f32(size)' : '1.0'};
  let half = ${f16 ? 'f32(f16(v.x) * f16(2.0)) - 2.0 * v.x' : '0.0'};
  if (i == 0u) { y[g.x] = part[0] * all + half + exp(0.0) - inverseSqrt(1.0); }
}`;
}

/** A small known computation. Null, or in words what came out wrong. All values are small integers: every right device gives them exactly. */
export async function selfTest(gpu: Gpu): Promise<string | null> {
  const { device } = gpu, groups = 8;
  const input = new Uint32Array(64 * groups), expected = new Float32Array(groups);
  const f16 = [0x0000, 0x3c00, 0x4000, 0x4200, 0xbc00, 0xc000]; // 0, 1, 2, 3, -1, -2
  const f32 = [0, 1, 2, 3, -1, -2];
  for (let i = 0; i < input.length; i++) {
    const a = (i * 7 + (i >> 6)) % 6, b = (i * 5 + 1) % 6;
    input[i] = (f16[a]! | (f16[b]! << 16)) >>> 0;
    expected[i >> 6]! += f32[a]! * f32[b]!;
  }
  const buffers: GPUBuffer[] = [];
  const buffer = (size: number, usage: number): GPUBuffer => {
    const b = device.createBuffer({ size, usage });
    buffers.push(b);
    return b;
  };
  try {
    const code = selfTestShader(device.features.has('subgroups'), device.features.has('shader-f16'));
    const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module: device.createShaderModule({ code }), entryPoint: 'main' } });
    const x = buffer(input.byteLength, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST), y = buffer(groups * 4, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC);
    const out = buffer(groups * 4, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST);
    device.queue.writeBuffer(x, 0, input);
    const encoder = device.createCommandEncoder(), pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries: [{ binding: 0, resource: { buffer: x } }, { binding: 1, resource: { buffer: y } }] }));
    pass.dispatchWorkgroups(groups);
    pass.end();
    encoder.copyBufferToBuffer(y, 0, out, 0, groups * 4);
    device.queue.submit([encoder.finish()]);
    await out.mapAsync(GPUMapMode.READ);
    const got = new Float32Array(out.getMappedRange());
    for (let i = 0; i < groups; i++) if (got[i] !== expected[i]) return `sum ${i} is ${got[i]} instead of ${expected[i]}`;
    return gpu.failure ? gpu.failure.message : null;
  } catch (e) {
    return e instanceof Error ? e.message : String(e);
  } finally {
    for (const b of buffers) b.destroy();
  }
}
