// Workers for the engine's CPU threads, where memory can be shared: in pages that are cross-origin isolated.

import type { Threads } from './engine.js';
import { GalagoError } from './errors.js';
import type { ThreadStart, ThreadWork } from './thread.js';

/** As the module asks for it at link time (mk/wasm.mk): pages of 64 KiB. */
export const threadsMemory = { initial: 64, maximum: 65535, shared: true } as const;
/** More do not help a job that is bound by memory. */
const MOST = 8;

export function threadsHere(): number {
  const isolated = (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated === true;
  return isolated && typeof SharedArrayBuffer !== 'undefined' ? mostThreads(navigator.hardwareConcurrency) : 1;
}

/** `processors`: what the machine has; 0 or absent = not known. */
export function mostThreads(processors: number | undefined): number {
  return Math.min(processors || 1, MOST);
}

/** What Worker and Node's worker_threads have in common here. */
export interface ThreadWorker {
  post(message: ThreadStart | ThreadWork): void;
  /** Resolves at 'ready', rejects when the worker fails before. */
  ready: Promise<void>;
  terminate(): void;
}

/** All workers are ready before the engine begins: one that it starts while it holds this thread would never come up. */
export async function startWorkers(module: WebAssembly.Module, n: number, make: () => ThreadWorker): Promise<Threads & { close(): void }> {
  const memory = new WebAssembly.Memory(threadsMemory);
  const all = Array.from({ length: n - 1 }, make), idle = [...all];
  const close = (): void => all.forEach((w) => w.terminate());
  try {
    await Promise.all(all.map((w) => {
      w.post({ galagoThread: true, module, memory });
      return w.ready;
    }));
  } catch (e) {
    close();
    throw e;
  }
  return {
    memory,
    spawn: (arg, stackTop) => {
      const worker = idle.pop();
      worker?.post({ arg, stackTop, tls: 0 });
      return worker !== undefined;
    },
    close,
  };
}

export function startThreadWorkers(module: WebAssembly.Module, n: number): Promise<Threads & { close(): void }> {
  return startWorkers(module, n, () => {
    const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: 'galago thread' });
    const ready = new Promise<void>((resolve, reject) => {
      worker.onmessage = () => resolve();
      worker.onerror = (e) => reject(new GalagoError('unsupported', `A thread could not be started: ${e.message}`));
    });
    return { ready, post: (m) => worker.postMessage(m), terminate: () => worker.terminate() };
  });
}
