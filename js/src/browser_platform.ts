// The worker's platform in a browser.

import { canDraw, decodeBlob, drawPixels } from './draw.js';
import { GalagoError } from './errors.js';
import type { Platform } from './platform.js';
import type { AskPage } from './serve.js';
import { threadsHere, startThreadWorkers } from './threads.js';

/** Waiting tasks (messages above all) run before it resolves; timers would wait 4 ms. */
function makeYield(): () => Promise<void> {
  const { port1, port2 } = new MessageChannel();
  let waiting: (() => void)[] = [];
  port1.onmessage = () => {
    const now = waiting;
    waiting = [];
    for (const resolve of now) resolve();
  };
  return () => new Promise((resolve) => {
    waiting.push(resolve);
    port2.postMessage(null);
  });
}

async function fetchBytes(url: string, signal?: AbortSignal): Promise<Uint8Array> {
  let response: Response;
  try {
    response = await fetch(url, { signal });
  } catch (e) {
    if (signal?.aborted) throw e;
    throw new GalagoError('network', `The picture ${url} cannot be fetched: ${e instanceof Error ? e.message : String(e)}. From another origin its server must allow it (CORS), and the page's policy too (connect-src).`);
  }
  if (!response.ok) throw new GalagoError('network', `The picture ${url}: the server answered ${response.status} ${response.statusText}`.trim());
  return new Uint8Array(await response.arrayBuffer());
}

export function browserPlatform(askPage: AskPage): Platform {
  const draws = canDraw() && typeof createImageBitmap === 'function';
  return {
    gpu: async () => (globalThis.navigator as Partial<Navigator> | undefined)?.gpu ?? (isSecureContext ? 'this browser has no WebGPU' : 'WebGPU needs a secure context (https or localhost)'),
    // Written out, so that bundlers find the files and carry them along.
    wasm: async (threads, relaxed) => {
      if (relaxed) return threads ? new URL('./galago-relaxed-threads.wasm', import.meta.url) : new URL('./galago-relaxed.wasm', import.meta.url);
      return threads ? new URL('./galago-threads.wasm', import.meta.url) : new URL('./galago.wasm', import.meta.url);
    },
    threads: threadsHere(),
    startThreads: startThreadWorkers,
    memoryAvailable: () => 0,
    models: new URL('./models/', import.meta.url).href,
    yield: makeYield(),
    fetch: fetchBytes,
    decode: (bytes, format) => {
      const blob = new Blob([bytes as BlobPart]);
      return draws ? decodeBlob(blob, format) : askPage(blob);
    },
    draw: async (source) => (draws ? drawPixels(source) : askPage(source)),
  };
}
