// The worker of Node.js: rpc.ts over worker_threads, with Node's platform.

import { parentPort, workerData } from 'node:worker_threads';
import { DAWN_CLOSED, isQuit, type NodeWorkerData } from './node_life.js';
import { nodePlatform } from './node_platform.js';
import type { FromWorker, ToWorker } from './rpc.js';
import { serve } from './serve.js';
import { isThreadStart, startThread, type ThreadWork } from './thread.js';

const port = parentPort!;
let listening: ((message: ToWorker) => void) | null = null;
let thread: Promise<(work: ThreadWork) => void> | null = null;
port.on('message', (message: unknown) => {
  if (isQuit(message)) void quit();
  else if (isThreadStart(message)) thread = startThread(message, () => port.postMessage('ready'));
  else if (thread) void thread.then((run) => run(message as ThreadWork));
  else listening?.(message as ToWorker);
});
const end = serve(
  {
    post: (message: FromWorker, transfer = []) => port.postMessage(message, transfer as ArrayBuffer[]),
    listen: (on) => {
      listening = on;
    },
  },
  nodePlatform,
);

/** Dawn's library ends the process when its worker is stopped while it has something to say. */
async function quit(): Promise<void> {
  await end();
  const { dawn } = workerData as NodeWorkerData;
  Atomics.store(dawn, 0, DAWN_CLOSED);
  Atomics.notify(dawn, 0);
  process.exit(0); // of this worker
}
