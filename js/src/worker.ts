// The module worker of a page: rpc.ts over postMessage, with the browser's platform.

import { browserPlatform } from './browser_platform.js';
import type { FromWorker, ToWorker } from './rpc.js';
import { serve } from './serve.js';
import { isThreadStart, startThread, type ThreadWork } from './thread.js';

const scope = globalThis as unknown as {
  postMessage(message: unknown, transfer: Transferable[]): void;
  addEventListener(type: 'message', on: (event: MessageEvent) => void): void;
};

let listening: ((message: ToWorker) => void) | null = null;
let thread: Promise<(work: ThreadWork) => void> | null = null;
scope.addEventListener('message', (event) => {
  if (isThreadStart(event.data)) thread = startThread(event.data, () => scope.postMessage('ready', []));
  else if (thread) void thread.then((run) => run(event.data as ThreadWork));
  else listening?.(event.data as ToWorker);
});
serve(
  {
    post: (message: FromWorker, transfer = []) => scope.postMessage(message, transfer),
    listen: (on) => {
      listening = on;
    },
  },
  browserPlatform,
);
