// The service worker: the page without a network, new versions as a whole, and the record of what goes out.
//
// It answers for files of the page alone. Whatever else is asked for passes through it untouched, and is reported to the page.
import { answerFile, dropOthers, fileOf, keepFiles } from './sw/files.js';
import type { ToWorker } from './sw/messages.js';
import { answerModel, isModel, tendModel } from './sw/model.js';
import { askedBytes, report, tell, whyOf } from './sw/report.js';

declare const self: ServiceWorkerGlobalScope;

// (The second name is Firefox's, which is no Error there.)
const isFull = (e: unknown): boolean => /^QuotaExceededError$|NO_DEVICE_SPACE/.test((e as Partial<Error> | null)?.name ?? '');
const text = (e: unknown): string => (e instanceof Error ? e.message : String(e));

self.addEventListener('install', (event) => event.waitUntil((async () => {
  try {
    await keepFiles();
  } catch (e) {
    await tell({ galago: 'not-kept', what: 'page', full: isFull(e), message: text(e) });
    throw e; // the browser tries again at the next visit, and the version before goes on
  }
})()));

self.addEventListener('activate', (event) => event.waitUntil((async () => {
  await dropOthers();
  // The page of the first visit too: its record of requests begins at once. (A later version only ever takes over when
  // no page of the one before is open, or the only one is about to be loaded anew.)
  await self.clients.claim();
})()));

self.addEventListener('fetch', (event) => {
  const { request } = event;
  if (!/^https?:/.test(request.url)) return;
  const reads = request.method === 'GET' || request.method === 'HEAD';
  const model = reads ? isModel(request.url) : undefined;
  if (model) return event.respondWith(answerModel(request, model));
  const file = reads ? fileOf(request) : undefined;
  if (file) return event.respondWith(answerFile(request, file));
  report({ url: request.url, why: whyOf(request, `${self.registration.scope}galago/models/`), bytes: askedBytes(request) });
});

self.addEventListener('message', (event) => {
  const message = event.data as ToWorker;
  if (message?.galago === 'model') {
    event.waitUntil(tendModel(message).catch((e: unknown) => tell({ galago: 'not-kept', what: 'model', full: isFull(e), message: text(e) })));
  } else if (message?.galago === 'activate') {
    event.waitUntil((async () => {
      const open = (await self.clients.matchAll({ type: 'window', includeUncontrolled: true })).filter((c) => c.url.startsWith(self.registration.scope));
      const others = open.filter((c) => c.id !== (event.source as Client | null)?.id).length;
      if (!others) await self.skipWaiting();
      event.ports[0]?.postMessage(others);
    })());
  }
});
