// The worker of Node.js: rpc.ts over worker_threads, with Node's platform.

import { parentPort } from 'node:worker_threads';
import { nodePlatform } from './node_platform.js';
import type { FromWorker, ToWorker } from './rpc.js';
import { serve } from './serve.js';
import { isThreadStart, startThread, type ThreadWork } from './thread.js';

const port = parentPort!;
let listening: ((message: ToWorker) => void) | null = null;
let thread: Promise<(work: ThreadWork) => void> | null = null;
port.on('message', (message: unknown) => {
  if (isThreadStart(message)) thread = startThread(message, () => port.postMessage('ready'));
  else if (thread) void thread.then((run) => run(message as ThreadWork));
  else listening?.(message as ToWorker);
});
serve(
  {
    post: (message: FromWorker, transfer = []) => port.postMessage(message, transfer as ArrayBuffer[]),
    listen: (on) => {
      listening = on;
    },
  },
  nodePlatform,
);
