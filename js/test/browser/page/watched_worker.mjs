// The package's worker with a fetch that tells which wasm modules are asked for (over the channel that the query names) and, with
// "refuse" in the query, answers for the relaxed ones as a site that has none.
const query = new URLSearchParams(self.location.search);
const channel = new BroadcastChannel(query.get('channel')), { fetch } = globalThis;

globalThis.fetch = (source, ...more) => {
  const name = String(source?.url ?? source).split('/').pop();
  if (name.endsWith('.wasm')) channel.postMessage(name);
  if (query.has('refuse') && name.includes('relaxed')) return Promise.resolve(new Response('not here', { status: 404 }));
  return fetch(source, ...more);
};

// Messages that come before the package listens are kept and given again.
const early = [], keep = (event) => early.push(event.data);
self.addEventListener('message', keep);
await import('../../../dist/worker.js');
self.removeEventListener('message', keep);
for (const data of early) self.dispatchEvent(new MessageEvent('message', { data }));
