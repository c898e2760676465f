// The demo model without a network.
//
// The package keeps the models that it loads in its own store (OPFS, else the Cache API), and only that copy can be read fast. So
// the worker keeps no second one beside it, but what is needed to do with the one:
//
//   the record   each file's headers and first byte. The package asks a server for the first byte of a file each time it opens the
//                model, to see by the ETag whether its copy is up to date. Answered from the record, that needs no network and no
//                waiting, and the model stays the one that this version of the page was built with.
//   the spare    the files themselves, fetched in the background after the first visit when the model has not been used in it, so
//                that the page is whole without a network all the same. Dropped as soon as the package has its own copy.
//
// A person who deletes the model in the page frees all of its room: where there is a record, no spare is fetched again.
import { addressOf, fetchExactly, keyOf, models, openCache, storable, type KeptFile } from './files.js';
import type { ModelNews } from './messages.js';
import { answerFrom } from './range.js';
import { askedBytes, report } from './report.js';

const SIZE = 'x-galago-size', WHEN = 'x-galago-when';

export const isModel = (url: string): KeptFile | undefined => models.find((f) => addressOf(f.path) === url.split(/[?#]/)[0]);

const match = async (file: KeptFile, kind: 'kept' | 'record'): Promise<Response | undefined> =>
  (await openCache()).match(keyOf(file, kind), { ignoreVary: true });

async function keepRecord(file: KeptFile, from: Response, first: Blob): Promise<void> {
  const headers = new Headers(from.headers);
  headers.delete('vary');
  headers.set(SIZE, String(file.size));
  await (await openCache()).put(keyOf(file, 'record'), new Response(first, { headers })).catch(() => undefined); // no room: asked again
}

/** A question for the first byte that goes out to the server is the one whose answer the package believes: it makes the record. */
async function askServer(request: Request, file: KeptFile): Promise<Response> {
  report({ url: request.url, why: 'model', bytes: askedBytes(request) || file.size });
  const response = await fetch(request);
  if (response.status === 206 && request.headers.get('range') === 'bytes=0-0' && response.headers.get('content-range')?.endsWith(`/${file.size}`)) {
    await keepRecord(file, response, await response.clone().blob());
  }
  return response;
}

export async function answerModel(request: Request, file: KeptFile): Promise<Response> {
  const spare = await match(file, 'kept');
  if (spare) {
    const blob = await spare.blob();
    return answerFrom(request, spare.headers, file.size, async (first, end) => blob.slice(first, end));
  }
  const record = await match(file, 'record');
  const wanted = request.headers.get('range');
  if (record && (request.method === 'HEAD' || wanted === 'bytes=0-0')) return answerFrom(request, record.headers, file.size, () => record.blob());
  return askServer(request, file);
}

async function fetchSpare(): Promise<void> {
  const cache = await openCache();
  try {
    for (const file of models) {
      if (await match(file, 'kept')) continue;
      const response = await fetchExactly(file, 'update');
      const headers = new Headers(response.headers);
      headers.set(WHEN, String(Date.now()));
      headers.delete('vary');
      await cache.put(keyOf(file), new Response(response.body, { headers }));
      const kept = await match(file, 'kept');
      if (kept) await keepRecord(file, kept, (await kept.blob()).slice(0, 1));
    }
  } catch (e) {
    await Promise.all(models.flatMap((file) => [cache.delete(keyOf(file)), cache.delete(keyOf(file, 'record'))]));
    throw e;
  }
}

async function makeRecords(): Promise<void> {
  for (const file of models) {
    if (await match(file, 'record')) continue;
    const url = addressOf(file.path);
    report({ url, why: 'update', bytes: 1 });
    const response = storable(await fetch(url, { headers: { range: 'bytes=0-0' }, cache: 'no-store' }));
    if (response.status === 206) await keepRecord(file, response, await response.blob());
    else await response.body?.cancel();
  }
}

let tending: Promise<void> = Promise.resolve();

/** Brings record and spare to where they should be, after what the page tells. One at a time. */
export function tendModel(news: ModelNews): Promise<void> {
  return (tending = tending.catch(() => undefined).then(async () => {
    const spares = await Promise.all(models.map((f) => match(f, 'kept')));
    const records = await Promise.all(models.map((f) => match(f, 'record')));
    const spareSince = Math.max(0, ...spares.map((s) => Number(s?.headers.get(WHEN) ?? 0)));
    // Used since this page began, or since there is a spare: then the copy in the store is the one of this version.
    if (news.stored && news.used >= Math.max(news.since, spareSince)) {
      if (records.includes(undefined)) await makeRecords();
      const cache = await openCache();
      for (const file of models) await cache.delete(keyOf(file));
    } else if (news.spare && !news.busy && records.includes(undefined)) {
      await fetchSpare();
    }
  }));
}
