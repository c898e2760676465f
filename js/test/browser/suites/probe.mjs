// What the browser offers, as noted facts, and that a small compute shader computes rightly where there is WebGPU.
const factsOfWorker = () =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL('../page/facts_worker.mjs', import.meta.url), { type: 'module' });
    worker.onmessage = (e) => {
      worker.terminate();
      resolve(e.data);
    };
    worker.onerror = (e) => reject(new Error(`worker: ${e.message}`));
    worker.postMessage('');
  });

// Modules of one function that uses a vector instruction: () -> i32, valid only where the instruction is known.
const wasm = (...body) => {
  const code = [0x00, ...body, 0x0b]; // no locals
  return new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 5, 1, 0x60, 0, 1, 0x7b, 3, 2, 1, 0, 10, code.length + 2, 1, code.length, ...code]);
};
const zero = [0xfd, 0x0c, ...new Array(16).fill(0)]; // v128.const 0
const simd = wasm(...zero, ...zero, 0xfd, 0x6e); // i8x16.add
const relaxed = wasm(...zero, ...zero, 0xfd, 0x92, 0x02); // i16x8.relaxed_dot_i8x16_i7x16_s

// FNV-1a over 32-bit words.
const hashOf = (words) => words.reduce((h, word) => Math.imul(h ^ word, 16777619) >>> 0, 2166136261);
// A whole number below 2,048 as the bits of a half.
const half = (x) => {
  const e = Math.floor(Math.log2(x));
  return x === 0 ? 0 : ((e + 15) << 10) | ((x / 2 ** e - 1) * 1024);
};

const isPage = (env) => (env.host === 'page' ? undefined : 'not a page');
const expectGpu = (env) => (env.device === 'gpu' ? undefined : 'run for the CPU');

export const tests = {
  'wasm with SIMD': async (t) => {
    t.ok(WebAssembly.validate(simd), 'no wasm SIMD');
    t.note('relaxed SIMD', WebAssembly.validate(relaxed));
  },

  'page and worker': {
    unless: isPage,
    run: async (t) => {
      t.equal(globalThis.crossOriginIsolated, t.env.mode === 'isolated');
      const facts = await factsOfWorker();
      t.note('agent', navigator.userAgent);
      t.note('worker', facts);
      t.equal(facts.sharedArrayBuffer, t.env.mode === 'isolated' && t.env.browser !== 'webkit', 'SharedArrayBuffer');
      t.ok(facts.fileReaderSync, 'a module worker without FileReaderSync');
      t.ok(facts.opfs || facts.cacheApi, 'neither OPFS nor the Cache API');
    },
  },

  'adapter': {
    unless: expectGpu,
    run: async (t) => {
      t.ok(navigator.gpu, 'no navigator.gpu');
      const adapter = await navigator.gpu.requestAdapter();
      t.ok(adapter, 'no adapter');
      const { vendor, architecture, description, subgroupMinSize, subgroupMaxSize } = adapter.info;
      t.note('adapter', { vendor, architecture, description, subgroupMinSize, subgroupMaxSize });
      t.note('features', [...adapter.features].sort().join(' '));
      const l = adapter.limits;
      t.note('limits', { buffer: l.maxBufferSize, binding: l.maxStorageBufferBindingSize, workgroup: l.maxComputeInvocationsPerWorkgroup,
        shared: l.maxComputeWorkgroupStorageSize, storageBuffers: l.maxStorageBuffersPerShaderStage });
    },
  },

  'compute shader': {
    unless: expectGpu,
    run: async (t) => {
      const adapter = await navigator.gpu.requestAdapter();
      const device = await adapter.requestDevice();
      const n = 1000;
      const code = `@group(0) @binding(0) var<storage, read_write> y: array<u32>;
        @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) g: vec3u) {
          if (g.x < arrayLength(&y)) { y[g.x] = pack2x16float(vec2f(f32(g.x), -0.5)) + g.x * g.x; } }`;
      const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module: device.createShaderModule({ code }), entryPoint: 'main' } });
      const buffer = device.createBuffer({ size: 4 * n, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
      const read = device.createBuffer({ size: 4 * n, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
      const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries: [{ binding: 0, resource: { buffer } }] });
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(Math.ceil(n / 64));
      pass.end();
      encoder.copyBufferToBuffer(buffer, 0, read, 0, 4 * n);
      device.queue.submit([encoder.finish()]);
      await read.mapAsync(GPUMapMode.READ);
      const got = hashOf(new Uint32Array(read.getMappedRange()));
      device.destroy();
      const negativeHalf = 0xb800 * 65536;
      t.equal(got, hashOf(Uint32Array.from({ length: n }, (_, x) => negativeHalf + half(x) + x * x)), 'hash of the results');
    },
  },
};
