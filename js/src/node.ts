// galago in Node.js: the model runs in a worker of worker_threads.

import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { makeApi } from './api.js';
import type { Connection } from './client.js';
import { GalagoError } from './errors.js';
import type { PageHost, WorkerSource } from './host_page.js';
import { end, newWorkerData, watch } from './node_life.js';
import type { FromWorker } from './rpc.js';
import type { ModelSource } from './store/types.js';

const isAddress = (name: string): boolean => /^[a-z][a-z0-9+.-]+:/i.test(name); // a drive's letter is single

const toPath = (name: string): string => (name.startsWith('~/') ? join(homedir(), name.slice(2)) : resolve(name));
/** Paths and addresses as an address: the worker knows both by it. */
const toUrl = (name: string): string => (isAddress(name) ? name : pathToFileURL(toPath(name)).href);

function connect(source?: WorkerSource): Connection {
  if (source !== undefined && typeof source !== 'string' && !(source instanceof URL)) throw new GalagoError('argument', 'In Node.js the option "worker" is the path or the file: URL of node_worker.js');
  const script = source === undefined ? new URL('./node_worker.js', import.meta.url) : new URL(toUrl(String(source)));
  if (!existsSync(script)) throw new GalagoError('io', `${fileURLToPath(script)}: the worker's script is not there. A bundler must carry node_worker.js along, or the option "worker" must name it.`);
  // No flags of the program's: --input-type or --import would keep the worker from starting, and V8's apply to all threads.
  // What the worker prints (a warning of Node.js, a driver's) is the program's to see.
  const workerData = newWorkerData(), worker = new Worker(script, { name: 'galago', execArgv: [], workerData });
  watch(worker, workerData);
  // A process with nothing else to do ends, whatever models are open.
  worker.unref();
  let ended = false;
  return {
    port: {
      post: (message, transfer = []) => worker.postMessage(message, transfer as ArrayBuffer[]),
      listen: (on) => void worker.on('message', (message: FromWorker) => on(message)),
    },
    failed: (on) => {
      worker.on('error', (e: Error) => on(new GalagoError(/out of memory|heap limit/i.test(e.message) ? 'memory' : 'internal', `The worker failed: ${e.message}`, { cause: e })));
      worker.on('messageerror', () => on(new GalagoError('internal', 'A message of the worker could not be read')));
      worker.on('exit', (code) => {
        if (!ended) on(new GalagoError('internal', `The worker ended by itself with exit code ${code}`));
      });
    },
    terminate: () => {
      ended = true;
      end(worker);
    },
    busy: (on) => {
      if (on) worker.ref();
      else worker.unref();
    },
  };
}

/** A path stays one where something lies there; "owner/name" is a hub's else. The worker's store looks again and says what is missing. */
function resolveModel(source: ModelSource): ModelSource {
  if (source instanceof URL) return source.href;
  if (typeof source === 'string') return source;
  if ('files' in source) {
    return { files: Object.fromEntries(Object.entries(source.files).map(([name, f]) => [name, typeof f === 'string' || f instanceof URL ? toUrl(String(f)) : f])) };
  }
  // A File does not cross into a worker with its name; the Blob in it does.
  return { files: Object.fromEntries((source as File[]).map((f, i) => [f.webkitRelativePath || f.name || `file${i}`, f.slice()])) };
}

const host: PageHost = {
  connect,
  resolveName: (name) => {
    if (/^blob:/i.test(name)) return fromBlobUrl(name);
    return { kind: 'url', url: toUrl(name) };
  },
  resolveModel,
  resolveWasm: (source) => {
    if (typeof source !== 'string' && !(source instanceof URL)) return source;
    const url = toUrl(String(source));
    if (!url.startsWith('file:')) return url;
    try {
      return new Uint8Array(readFileSync(fileURLToPath(url)));
    } catch (e) {
      throw new GalagoError('io', `${String(source)}: galago.wasm cannot be read: ${e instanceof Error ? e.message : String(e)}`);
    }
  },
  extend: (options) => {
    const { webgpu } = options;
    // A bare name is a package's.
    return webgpu === undefined || !/^(\.{0,2}[/\\]|~\/|[a-z]:[/\\])/i.test(webgpu) ? options : { ...options, webgpu: toUrl(webgpu) };
  },
};

/** A Blob's address is known to this thread alone. */
async function fromBlobUrl(url: string): Promise<{ kind: 'bytes'; bytes: Uint8Array }> {
  try {
    return { kind: 'bytes', bytes: new Uint8Array(await (await fetch(url)).arrayBuffer()) };
  } catch {
    throw new GalagoError('network', `${url} cannot be loaded: it was revoked`);
  }
}

export const { pipeline, probe, createChat, openai } = makeApi(host);
export * from './exports.js';
