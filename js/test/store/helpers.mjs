// What the tests of the store share: a hub, a store of their own, quick repetitions.
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startHub, madeBytes } from '../hub/server.mjs';

export { madeBytes };
export const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** A hub and an empty store for one file of tests; both go at its end. */
export async function setUp(t) {
  const hub = await startHub();
  const cacheDir = mkdtempSync(path.join(tmpdir(), 'galago-store-'));
  t.after(async () => {
    await hub.close();
    rmSync(cacheDir, { recursive: true, force: true });
  });
  return { hub, cacheDir, options: { baseUrl: hub.url, cacheDir, retryDelay: 5, stallTimeout: 10_000, pieceSize: 64 << 10 } };
}

/** The whole content of a reader. */
export function contentOf(reader) {
  const out = new Uint8Array(reader.size);
  reader.read(0, out);
  return Buffer.from(out);
}

/** A pair of GGUF-named files in a repository. */
export function putPair(hub, repo = 'lab/tiny', size = 700_001, seed = 1) {
  return {
    text: hub.put({ repo, path: 'tiny-Q4_0.gguf', size, seed }),
    vision: hub.put({ repo, path: 'mmproj-tiny-F16.gguf', size: 150_000, seed: seed + 1 }),
  };
}

export function closeAll(readers) {
  for (const reader of readers.values()) reader.close();
}

/** Requests for the content of files, as lines "range path", in order. */
export const contentRequests = (hub) => hub.log.filter((l) => l.origin === 'cdn' || /\/plain\//.test(l.path)).map((l) => `${l.range ?? 'all'} ${l.path}`);
export const bytesAsked = (hub) => hub.log.filter((l) => (l.origin === 'cdn' || /\/plain\//.test(l.path)) && l.range && l.range !== 'bytes=0-0')
  .reduce((n, l) => { const [a, b] = l.range.slice(6).split('-').map(Number); return n + b - a + 1; }, 0);
