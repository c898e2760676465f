// A GPUDevice that computes nothing: what remains is the time that JavaScript and the wasm module need to give it work.
// Reads give zeros. Promises resolve in the next turn of the event loop.
export const globals = {
  GPUBufferUsage: { MAP_READ: 1, MAP_WRITE: 2, COPY_SRC: 4, COPY_DST: 8, INDEX: 16, VERTEX: 32, UNIFORM: 64, STORAGE: 128, INDIRECT: 256, QUERY_RESOLVE: 512 },
  GPUMapMode: { READ: 1, WRITE: 2 },
};
const soon = (value) => new Promise((resolve) => setImmediate(() => resolve(value)));
const limits = {
  maxBufferSize: 2 ** 31, maxStorageBufferBindingSize: 2 ** 30, maxComputeWorkgroupStorageSize: 32768, maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256, maxStorageBuffersPerShaderStage: 8,
};

export function mockDevice() {
  const counts = { dispatches: 0, submits: 0, writes: 0, groups: 0, pipelines: 0, reads: 0 };
  const pass = {
    setPipeline() {}, setBindGroup() {}, end() {},
    dispatchWorkgroups() {
      counts.dispatches++;
    },
  };
  const encoder = { beginComputePass: () => pass, copyBufferToBuffer() {}, clearBuffer() {}, finish: () => null };
  let lose;
  const lost = new Promise((resolve) => {
    lose = resolve;
  });
  const device = {
    limits, features: new Set(['subgroups']), lost, counts,
    createBuffer: ({ size }) => ({
      size, destroy() {}, unmap() {},
      mapAsync: () => (counts.reads++, soon()),
      getMappedRange: (at = 0, n = size - at) => new ArrayBuffer(n),
    }),
    createShaderModule: () => ({}),
    createComputePipelineAsync: () => (counts.pipelines++, soon({ getBindGroupLayout: () => ({}) })),
    createBindGroup: () => (counts.groups++, {}),
    createCommandEncoder: () => encoder,
    destroy: () => lose({ reason: 'destroyed', message: '' }),
    queue: {
      submit: () => counts.submits++,
      writeBuffer: () => counts.writes++,
      onSubmittedWorkDone: () => soon(),
    },
  };
  return device;
}
