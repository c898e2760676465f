// What the worker's code needs from where it runs; worker.ts gives the browser's, node_worker.ts Node's.

import type { Threads } from './engine.js';
import type { PictureHost } from './picture.js';
import type { WasmSource } from './wasm.js';

export interface Platform extends PictureHost {
  /** navigator.gpu or its like; a text says why there is none. `library`: see OpenOptions.webgpu. */
  gpu(library?: string): Promise<GPU | string>;
  /** Where the modules lie when nobody said otherwise. */
  wasm(threads: boolean, relaxed: boolean): Promise<WasmSource>;
  /** Processors that may be used; 1 where memory cannot be shared. */
  threads: number;
  /** Workers that share the module's memory, waiting to be given work. */
  startThreads(module: WebAssembly.Module, n: number): Promise<Threads & { close(): void }>;
  /** Bytes; 0 = not known. */
  memoryAvailable(): number;
  /** Folder of the demo model, as an address that ends with a slash. */
  models: string;
  yield(): Promise<void>;
}
