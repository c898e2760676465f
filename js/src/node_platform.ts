// The worker's platform in Node.js: files through node:fs, WebGPU through the package "webgpu" (Dawn), threads through worker_threads.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Worker, workerData } from 'node:worker_threads';
import { GalagoError } from './errors.js';
import { DAWN_OPEN, type NodeWorkerData } from './node_life.js';
import { decodeFile } from './node_pictures.js';
import type { Platform } from './platform.js';
import { mostThreads, startWorkers } from './threads.js';

interface Dawn {
  create(flags: string[]): GPU;
  globals: Record<string, unknown>;
}

/** Kept for as long as the worker runs: Dawn crashes when the object is collected while its devices live. */
let api: Promise<GPU | string> | null = null;

async function openDawn(library: string | undefined): Promise<GPU | string> {
  let dawn: Dawn;
  try {
    // The name is put together here, so that no bundler looks for a package that is optional.
    const name = library ?? ['web', 'gpu'].join('');
    // A native module itself, as $DAWN names it on machines without npm's folders.
    const module = (name.endsWith('.node') ? createRequire(import.meta.url)(name.startsWith('file:') ? fileURLToPath(name) : name) : await import(name)) as Partial<Dawn> & { default?: Dawn };
    dawn = module.create ? (module as Dawn) : module.default!;
  } catch (e) {
    const { code, message } = e as { code?: string; message: string };
    if (library === undefined && code === 'ERR_MODULE_NOT_FOUND') return 'Node.js has no WebGPU of its own (npm install webgpu brings it)';
    return `the WebGPU module ${library ?? '"webgpu"'} cannot be loaded: ${message.split('\n')[0]}`;
  }
  try {
    // The classes and flags that a browser has as globals.
    for (const [key, value] of Object.entries(dawn.globals)) (globalThis as Record<string, unknown>)[key] ??= value;
    Atomics.store((workerData as NodeWorkerData).dawn, 0, DAWN_OPEN);
    return dawn.create([]);
  } catch (e) {
    return `WebGPU cannot be opened: ${e instanceof Error ? e.message : String(e)}`;
  }
}

/** The bytes behind an address; Node's fetch knows neither files nor what a browser says about other origins. */
async function fetchBytes(url: string, signal?: AbortSignal): Promise<Uint8Array> {
  if (url.startsWith('file:')) {
    const path = fileURLToPath(url);
    try {
      return await readFile(path, { signal });
    } catch (e) {
      if (signal?.aborted) throw e;
      const { code, message } = e as { code?: string; message: string };
      const why = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder' : message;
      throw new GalagoError('io', `The picture ${path} cannot be read: ${why}`);
    }
  }
  let response: Response;
  try {
    response = await fetch(url, { signal });
  } catch (e) {
    if (signal?.aborted) throw e;
    // What went wrong stands in the cause: "fetch failed" says nothing.
    const cause = (e as { cause?: { message?: string; code?: string } }).cause;
    throw new GalagoError('network', `The picture ${url} cannot be fetched: ${cause?.message || cause?.code || String(e)}`);
  }
  if (!response.ok) throw new GalagoError('network', `The picture ${url}: the server answered ${response.status} ${response.statusText}`.trim());
  return new Uint8Array(await response.arrayBuffer());
}

const threads = mostThreads(availableParallelism());

export function nodePlatform(): Platform {
  return {
    gpu: (library) => (api ??= openDawn(library)),
    wasm: async (shared, relaxed) => {
      const name = `galago${relaxed ? '-relaxed' : ''}${shared ? '-threads' : ''}.wasm`, path = new URL(`./${name}`, import.meta.url);
      return readFile(path).catch((e: Error) => {
        throw new GalagoError('io', `${name} must lie beside the package's node_worker.js, or be named by the option "wasm": ${e.message}`);
      });
    },
    threads,
    startThreads: (module, n) => startWorkers(module, n, () => {
      const worker = new Worker(new URL('./node_worker.js', import.meta.url), { name: 'galago thread', execArgv: [] });
      worker.unref();
      const ready = new Promise<void>((resolve, reject) => {
        worker.once('message', () => resolve());
        worker.once('error', reject);
      });
      return { ready, post: (m) => worker.postMessage(m), terminate: () => void worker.terminate() };
    }),
    // Newer than Node 20.0; counts what containers allow.
    memoryAvailable: () => (process as { availableMemory?(): number }).availableMemory?.() ?? 0,
    models: new URL('./models/', import.meta.url).href,
    // Messages and finished reads run before it.
    yield: () => new Promise((resolve) => setImmediate(resolve)),
    fetch: fetchBytes,
    decode: decodeFile,
  };
}
