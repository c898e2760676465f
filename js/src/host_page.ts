// What the public API needs from where it runs (a page, a worker of the user's, Node.js): index.ts and node.ts give it.

import type { Connection, PageDecoder } from './client.js';
import type { ResolveName } from './inputs.js';
import type { OpenOptions } from './rpc.js';
import type { ModelSource } from './store/types.js';
import type { WasmSource } from './wasm.js';

export type WorkerSource = Worker | string | URL | (() => Worker);

export interface PageHost {
  connect(worker?: WorkerSource): Connection;
  decode?: PageDecoder;
  resolveName: ResolveName;
  /** Relative addresses and paths become absolute: the worker has another base. */
  resolveModel(source: ModelSource): ModelSource;
  resolveWasm(source: WasmSource): WasmSource;
  /** Options that this host adds for the worker. */
  extend?(options: OpenOptions): OpenOptions;
}
