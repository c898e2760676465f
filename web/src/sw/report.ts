// Tells the open pages what went out to the network.
import type { FromWorker, SeenRequest, Why } from './messages.js';

declare const self: ServiceWorkerGlobalScope;

/** To all pages below this one's address, also to one that this worker does not control yet. */
export async function tell(message: FromWorker): Promise<void> {
  for (const client of await self.clients.matchAll({ type: 'window', includeUncontrolled: true })) {
    if (client.url.startsWith(self.registration.scope)) client.postMessage(message);
  }
}

export function report(request: Omit<SeenRequest, 'at'>): void {
  void tell({ galago: 'request', ...request, at: Date.now() });
}

/** What a request of the page or its workers is for. */
export function whyOf(request: Request, models: string): Why {
  const url = new URL(request.url);
  if (/\.(gguf|safetensors)$/i.test(url.pathname) || request.url.startsWith(models)) return 'model';
  if (request.destination === 'image' || /\.(png|jpe?g|webp|gif|bmp|avif|svg)$/i.test(url.pathname)) return 'picture';
  // Other hosts are asked for models alone: lists of files, configurations.
  return url.origin === self.location.origin ? 'page' : 'model';
}

/** Bytes that a Range header asks for; 0 where it says nothing. */
export function askedBytes(request: Request): number {
  const m = /^bytes=(\d+)-(\d+)$/.exec(request.headers.get('range') ?? '');
  return m ? Number(m[2]) - Number(m[1]) + 1 : 0;
}
