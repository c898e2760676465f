// The record of what this page asks the network for, live.
//
// The service worker sees every request, also those of the package's worker, and says which went out. Before it is there, and
// where there is none, the browser's own list of the page's requests (PerformanceObserver) is used; requests of workers are not
// on that list, so `complete` tells which of the two this is.
import type { FromWorker, SeenRequest, Why } from './sw/messages.js';

export interface NetworkRequest {
  url: string;
  host: string;
  /** To the place that the page itself comes from. */
  own: boolean;
  /** Bytes as far as they are known: of the answer, else as asked for; 0 where neither is known. */
  bytes: number;
  /** Milliseconds since 1970. */
  at: number;
  why: Why;
}

/** Older ones are counted, not kept. */
const MOST = 1000;
/** A request that both tell of is told of within this time, milliseconds. */
const SAME = 3000;

class Network extends EventTarget {
  /** The latest last. */
  readonly requests: NetworkRequest[] = [];
  /** All that were seen. */
  count = 0;
  /** Bytes of all that were seen, as far as they are known. */
  bytes = 0;
  /** Hosts other than the page's own that were asked, in the order of the first request. */
  readonly others: string[] = [];

  /** Whether requests of workers are seen too. */
  get complete(): boolean {
    return Boolean(navigator.serviceWorker?.controller);
  }

  /** For what only the caller knows of, such as a model's host where no service worker sees the requests. */
  add(seen: SeenRequest): void {
    let at: URL;
    try {
      at = new URL(seen.url, location.href);
    } catch {
      return;
    }
    if (!/^https?:$/.test(at.protocol)) return;
    const request: NetworkRequest = { ...seen, url: at.href, host: at.host, own: at.origin === location.origin };
    const known = this.requests.find((r) => r.url === request.url && Math.abs(r.at - request.at) < SAME && fromBrowser.has(r) !== fromBrowser.has(seen));
    if (known) {
      // Both told of it; the browser's list knows the size of the answer.
      this.bytes += Math.max(0, request.bytes - known.bytes);
      known.bytes = Math.max(known.bytes, request.bytes);
    } else {
      if (fromBrowser.has(seen)) fromBrowser.add(request);
      this.requests.push(request);
      if (this.requests.length > MOST) this.requests.shift();
      this.count++;
      this.bytes += request.bytes;
      if (!request.own && !this.others.includes(request.host)) this.others.push(request.host);
    }
    this.dispatchEvent(new Event('change'));
  }
}

const fromBrowser = new WeakSet<object>();

function whyOf(entry: PerformanceResourceTiming): Why {
  const url = new URL(entry.name);
  if (/\.(gguf|safetensors)$/i.test(url.pathname)) return 'model';
  if (entry.initiatorType === 'img' || /\.(png|jpe?g|webp|gif|bmp|avif|svg)$/i.test(url.pathname)) return 'picture';
  return url.origin === location.origin ? 'page' : 'model';
}

export const network = new Network();

function fromList(entry: PerformanceResourceTiming | PerformanceNavigationTiming): void {
  if (!/^https?:/.test(entry.name)) return;
  // Answered by the service worker from what is kept, or from the browser's memory: nothing went out. What the worker
  // did send out it tells itself.
  if (entry.workerStart > 0 && network.complete) return;
  if (entry.transferSize === 0 && entry.decodedBodySize > 0) return;
  const seen: SeenRequest = {
    url: entry.name, why: entry instanceof PerformanceNavigationTiming ? 'page' : whyOf(entry), bytes: entry.transferSize || entry.encodedBodySize || 0, at: performance.timeOrigin + entry.startTime,
  };
  fromBrowser.add(seen);
  network.add(seen);
}

if (typeof PerformanceObserver === 'function') {
  const observer = new PerformanceObserver((list) => (list.getEntries() as PerformanceResourceTiming[]).forEach(fromList));
  for (const type of ['navigation', 'resource']) {
    if (PerformanceObserver.supportedEntryTypes?.includes(type)) observer.observe({ type, buffered: true });
  }
}

navigator.serviceWorker?.addEventListener('message', (event: MessageEvent<FromWorker>) => {
  if (event.data?.galago === 'request') network.add(event.data);
});
// Messages that came before there was a listener are kept until this is said.
navigator.serviceWorker?.startMessages();
