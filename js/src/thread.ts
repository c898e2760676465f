// One further thread of the engine's CPU pool: a worker that shares the module's memory and waits for its argument.

import { noGpu, Host } from './host.js';
import { Wasm } from './wasm.js';

/** First message to such a worker. Its later messages are ThreadWork. */
export interface ThreadStart {
  galagoThread: true;
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
}
export interface ThreadWork {
  arg: number;
  stackTop: number;
  tls: number;
}

export function isThreadStart(message: unknown): message is ThreadStart {
  return typeof message === 'object' && message !== null && 'galagoThread' in message;
}

/** Instantiates the module over the shared memory and says 'ready'; the function it returns runs the thread to its end. */
export async function startThread(start: ThreadStart, ready: () => void): Promise<(work: ThreadWork) => void> {
  const host = new Host({ files: new Map(), memoryAvailable: 0, progress: () => true });
  const instance = await WebAssembly.instantiate(start.module, { host: host.imports(), gpu: noGpu(), env: { memory: start.memory } });
  host.memory = start.memory;
  const { exports } = new Wasm(instance, start.memory);
  ready();
  return ({ arg, stackTop, tls }) => {
    exports.gw_thread_init!(stackTop, tls);
    exports.gw_thread_main!(arg);
  };
}
