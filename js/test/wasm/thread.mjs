// A worker that runs one thread of the engine's CPU backend.
import { parentPort, workerData } from 'node:worker_threads';

const { module, memory } = workerData;
const imports = { env: { memory }, host: {}, gpu: {} };
for (const { module: from, name } of WebAssembly.Module.imports(module))
  if (from !== 'env') imports[from][name] = () => { throw new Error(`${from}.${name} was called in a thread`); };
const { exports } = new WebAssembly.Instance(module, imports);
parentPort.on('message', ({ arg, stackTop }) => {
  exports.gw_thread_init(stackTop, 0);
  exports.gw_thread_main(arg);
  parentPort.postMessage('ended');
});
parentPort.postMessage('ready');
