// galago in a page or in a worker of the page's: the model runs in a module worker of its own.

import { makeApi } from './api.js';
import type { Connection } from './client.js';
import { canDraw, decodeBlob, drawPixels } from './draw.js';
import { GalagoError } from './errors.js';
import type { PageHost, WorkerSource } from './host_page.js';
import type { FromWorker, PicturePayload } from './rpc.js';
import type { ModelSource } from './store/types.js';

const base = (): string => (typeof document !== 'undefined' ? document.baseURI : location.href);
const absolute = (name: string): string => new URL(name, base()).href;

function start(source: WorkerSource | undefined): { worker: Worker; own: boolean } {
  if (source === undefined) return { worker: new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: 'galago' }), own: true };
  if (typeof source === 'function') return { worker: source(), own: true };
  if (source instanceof Worker) return { worker: source, own: false };
  return { worker: new Worker(source, { type: 'module', name: 'galago' }), own: true };
}

const HINT = 'Galago needs module workers (Chrome 80, Firefox 114, Safari 15 or newer), a policy that allows them (worker-src) and worker.js from the page\'s own origin, beside the package\'s index.js or at the address in the option "worker".';

function connect(source?: WorkerSource): Connection {
  if (typeof Worker === 'undefined') throw new GalagoError('unsupported', `There are no workers here. ${HINT}`);
  let started: { worker: Worker; own: boolean };
  try {
    started = start(source);
  } catch (e) {
    throw new GalagoError('unsupported', `The browser refuses the worker: ${e instanceof Error ? e.message : String(e)}. ${HINT}`, { cause: e });
  }
  const { worker, own } = started;
  return {
    port: {
      post: (message, transfer = []) => worker.postMessage(message, transfer),
      listen: (on) => {
        worker.onmessage = (event: MessageEvent<FromWorker>) => on(event.data);
      },
    },
    failed: (on) => {
      worker.onerror = (event) => {
        event.preventDefault?.();
        on(new GalagoError(event.message ? 'internal' : 'unsupported', event.message ? `The worker failed: ${event.message} (${event.filename}:${event.lineno})` : `The worker could not be started. ${HINT}`));
      };
      worker.onmessageerror = () => on(new GalagoError('internal', 'A message of the worker could not be read'));
    },
    terminate: () => {
      if (own) worker.terminate();
    },
  };
}

/** A blob: address is the page's own; the worker's policy may not let it be fetched. */
async function fromBlobUrl(url: string): Promise<PicturePayload> {
  try {
    const response = await fetch(url);
    return { kind: 'bytes', bytes: new Uint8Array(await response.arrayBuffer()) };
  } catch {
    if (typeof Image === 'undefined') throw new GalagoError('network', `${url} cannot be fetched: it was revoked, or the page's policy (connect-src) does not allow blob:`);
  }
  const image = Object.assign(new Image(), { src: url });
  try {
    await image.decode();
  } catch {
    throw new GalagoError('network', `${url} cannot be loaded: it was revoked, or holds no picture`);
  }
  return { kind: 'bitmap', bitmap: await createImageBitmap(image, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' }) };
}

function resolveModel(source: ModelSource): ModelSource {
  if (source instanceof URL) return source.href;
  // "./x" and "/x" are addresses; "owner/name" is a hub's.
  if (typeof source === 'string') return /^\.{0,2}\//.test(source) ? absolute(source) : source;
  if ('files' in source) return { files: Object.fromEntries(Object.entries(source.files).map(([name, f]) => [name, typeof f === 'string' || f instanceof URL ? absolute(String(f)) : f])) };
  return source;
}

const host: PageHost = {
  connect,
  decode: canDraw() ? async (source) => (source instanceof Blob ? decodeBlob(source, 'picture') : drawPixels(source)) : undefined,
  resolveName: (name) => (/^blob:/i.test(name) ? fromBlobUrl(name) : { kind: 'url', url: toUrl(name) }),
  resolveModel,
  resolveWasm: (source) => (typeof source === 'string' || source instanceof URL ? absolute(String(source)) : source),
};

function toUrl(name: string): string {
  try {
    return absolute(name);
  } catch {
    throw new GalagoError('argument', `"${name.slice(0, 80)}" is no address, no data: URL and no base64 of a picture`);
  }
}

export const { pipeline, probe, createChat, openai } = makeApi(host);
export * from './exports.js';
