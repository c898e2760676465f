// How a worker of Node.js ends: at once, unless it has opened Dawn, whose library ends the whole process when its thread is
// stopped in the middle of something. Such a worker is asked to quit, and the process waits for it.

import type { Worker } from 'node:worker_threads';

export interface NodeWorkerData {
  /** One word, shared: DAWN_NONE, DAWN_OPEN, DAWN_CLOSED. */
  dawn: Int32Array;
}
export const DAWN_NONE = 0, DAWN_OPEN = 1, DAWN_CLOSED = 2;
/** Milliseconds. Real devices take a few, and some hundred while they compile kernels; one that is a CPU in truth finishes all that it
 * was given first. */
const PATIENCE_MS = 60_000;

export function isQuit(message: unknown): boolean {
  return typeof message === 'object' && message !== null && 'galagoQuit' in message;
}

const living = new Map<Worker, Int32Array>();

export function newWorkerData(): NodeWorkerData {
  return { dawn: new Int32Array(new SharedArrayBuffer(4)) };
}

export function watch(worker: Worker, { dawn }: NodeWorkerData): void {
  if (living.size === 0) process.on('exit', onExit);
  living.set(worker, dawn);
  worker.once('exit', () => {
    living.delete(worker);
    if (living.size === 0) process.off('exit', onExit);
  });
}

export function end(worker: Worker): void {
  const dawn = living.get(worker);
  if (!dawn || Atomics.load(dawn, 0) !== DAWN_OPEN) return void worker.terminate();
  worker.postMessage({ galagoQuit: true });
  setTimeout(() => void worker.terminate(), PATIENCE_MS).unref();
}

function onExit(): void {
  for (const worker of living.keys()) worker.postMessage({ galagoQuit: true });
  const until = Date.now() + PATIENCE_MS;
  for (const dawn of living.values()) Atomics.wait(dawn, 0, DAWN_OPEN, Math.max(0, until - Date.now()));
}
