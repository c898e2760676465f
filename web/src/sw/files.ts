// The page's files as they are kept for use without a network.
//
// One cache for all versions; a file lies in it under its address and the hash of its content. So a new version is fetched beside
// the old one, what both have in common is there once, and no page ever gets files of two versions. What a version does not name
// is deleted when it takes over, which is when no page of the version before is open any more.
import { hasRelaxedSimd } from '../../../js/src/relaxed.js';
import { answerFrom } from './range.js';
import { report } from './report.js';

declare const self: ServiceWorkerGlobalScope;
/** From the build: path below the page's folder, `sha256-…` as in an integrity attribute, bytes. */
declare const PRECACHE: [path: string, integrity: string, size: number][];

export interface KeptFile {
  path: string;
  integrity: string;
  size: number;
}

const all: KeptFile[] = PRECACHE.map(([path, integrity, size]) => ({ path, integrity, size }));
/** Models are looked after in model.ts. */
export const models = all.filter((f) => f.path.startsWith('galago/models/'));
const files = all.filter((f) => !models.includes(f));
const byPath = new Map(files.map((f) => [f.path, f]));

/** Of the package's modules those that it may choose here; should it choose another, that is kept when it is first asked for. */
function isNeeded({ path }: KeptFile): boolean {
  const kind = /^galago\/galago(-relaxed)?(-threads)?\.wasm$/.exec(path);
  if (!kind) return true;
  const relaxed = hasRelaxedSimd() && byPath.has('galago/galago-relaxed.wasm');
  return Boolean(kind[1]) === relaxed && (!kind[2] || self.crossOriginIsolated);
}

export const addressOf = (path: string): string => new URL(path, self.registration.scope).href;
export const keyOf = (file: KeptFile, kind: 'kept' | 'record' = 'kept'): string => `${addressOf(file.path)}?${kind}=${encodeURIComponent(file.integrity)}`;
export const openCache = (): Promise<Cache> => caches.open('galago-page');

/** A copy that may be stored and be the answer to any request: one that came by a redirection may not be a navigation's, and
 * one that differs with everything (`Vary: *`) may not be stored. */
export function storable(response: Response): Response {
  if (!response.redirected && !response.headers.get('vary')?.includes('*')) return response;
  const headers = new Headers(response.headers);
  headers.delete('vary');
  return new Response(response.body, { status: response.status, headers });
}

/** Fetches a file and makes sure that it is the one of this version: a server in the middle of an update fails here. */
export async function fetchExactly(file: KeptFile, why: 'page' | 'update'): Promise<Response> {
  const url = addressOf(file.path);
  report({ url, why, bytes: file.size });
  const response = await fetch(url, { integrity: file.integrity, cache: 'no-cache', credentials: 'same-origin' });
  if (!response.ok) throw new Error(`${file.path}: the server answered ${response.status}`);
  return storable(response);
}

/** Fetches what of this version is not there yet. All or nothing: what a failed attempt has stored is removed again. */
export async function keepFiles(): Promise<void> {
  const cache = await openCache();
  const put: string[] = [];
  const queue = files.filter(isNeeded);
  let stopped = false;
  const work = async (): Promise<void> => {
    for (let file; !stopped && (file = queue.shift()); ) {
      const key = keyOf(file);
      if (await cache.match(key, { ignoreVary: true })) continue;
      const response = await fetchExactly(file, 'update');
      put.push(key);
      await cache.put(key, response);
    }
  };
  const ended = await Promise.allSettled([1, 2, 3, 4].map(() => work().catch((e: unknown) => { stopped = true; throw e; })));
  const failed = ended.find((e) => e.status === 'rejected');
  if (!failed) return;
  await Promise.all(put.map((key) => cache.delete(key)));
  throw failed.reason;
}

/** Deletes what belongs to other versions. */
export async function dropOthers(): Promise<void> {
  const cache = await openCache();
  const own = new Set([...files.map((f) => keyOf(f)), ...models.flatMap((f) => [keyOf(f), keyOf(f, 'record')])]);
  for (const request of await cache.keys()) if (!own.has(request.url)) await cache.delete(request);
}

/** The file of this version that a request is for. */
export function fileOf(request: Request): KeptFile | undefined {
  const url = new URL(request.url), scope = new URL(self.registration.scope);
  if (url.origin !== scope.origin || !url.pathname.startsWith(scope.pathname)) return undefined;
  let path;
  try {
    path = decodeURIComponent(url.pathname.slice(scope.pathname.length));
  } catch {
    return undefined;
  }
  return byPath.get(path || 'index.html');
}

/** Answers with a file of this version: the kept one, or, where the browser has thrown it away, the server's. */
export async function answerFile(request: Request, file: KeptFile): Promise<Response> {
  const cache = await openCache();
  const kept = await cache.match(keyOf(file), { ignoreVary: true });
  if (kept) {
    if (request.method === 'GET' && !request.headers.has('range')) return kept;
    const blob = await kept.blob();
    return answerFrom(request, kept.headers, blob.size, async (first, end) => blob.slice(first, end));
  }
  try {
    const response = await fetchExactly(file, 'page');
    if (request.method === 'GET' && !request.headers.has('range')) {
      await cache.put(keyOf(file), response.clone()).catch(() => undefined); // no room: it will be fetched again
      return response;
    }
  } catch {
    // Another version on the server by now, or no server: what it answers to the page is all there is.
    void self.registration.update().catch(() => undefined);
  }
  return fetch(request);
}
