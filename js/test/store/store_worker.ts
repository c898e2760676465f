// One user of the store in a worker of its own: does what it is told, tells what it sees. The suite starts and kills these.
import { cache, obtain, resolve, type ModelSource, type SourceOptions } from '../../src/store/index.js';
import { Sha256 } from '../../src/store/sha256.js';

export type Order =
  | { do: 'load'; source: ModelSource; options: SourceOptions; estimate?: { usage: number; quota: number }; stopAt?: number; hold?: boolean }
  | { do: 'cache'; call: 'list' | 'usage' | 'clear' | 'remove'; id?: string; storage: SourceOptions['storage'] }
  | { do: 'facts' };

export type Report =
  | { is: 'progress'; file: string; loaded: number }
  | { is: 'loaded'; files: Record<string, { size: number; sha256: string }>; storage: string; ms: number; readMs: number }
  | { is: 'answer'; value: unknown }
  | { is: 'failed'; name: string; code: string | undefined; message: string };

const say = (r: Report): void => (postMessage as (m: Report) => void)(r);

async function load(o: Extract<Order, { do: 'load' }>): Promise<void> {
  if (o.estimate) {
    const estimate = { value: async () => o.estimate, configurable: true };
    // Where there is no StorageManager it is as if there were one.
    if (navigator.storage as StorageManager | undefined) Object.defineProperty(navigator.storage, 'estimate', estimate);
    else Object.defineProperty(navigator, 'storage', { value: Object.defineProperty({}, 'estimate', estimate), configurable: true });
  }
  const stop = new AbortController();
  const began = performance.now();
  let storage = '';
  const options = { ...o.options, signal: stop.signal };
  const readers = await obtain(await resolve(o.source, options), {
    ...options,
    progress(e) {
      if (e.status === 'initiate') storage = e.storage;
      if (e.status === 'progress') {
        say({ is: 'progress', file: e.file, loaded: e.loaded });
        if (o.stopAt !== undefined && e.loaded >= o.stopAt) stop.abort();
      }
    },
  });
  const ms = performance.now() - began, files: Record<string, { size: number; sha256: string }> = {};
  for (const [name, reader] of readers) {
    const sum = new Sha256(), into = new Uint8Array(300_007);
    for (let at = 0; at < reader.size; at += into.length) {
      const part = into.subarray(0, Math.min(into.length, reader.size - at));
      reader.read(at, part);
      sum.update(part);
    }
    files[name] = { size: reader.size, sha256: sum.digest() };
    if (!o.hold) reader.close();
  }
  say({ is: 'loaded', files, storage, ms, readMs: performance.now() - began - ms });
}

async function act(o: Order): Promise<void> {
  if (o.do === 'load') return load(o);
  if (o.do === 'facts') {
    const File = (globalThis as { FileSystemFileHandle?: { prototype: object } }).FileSystemFileHandle?.prototype ?? {};
    const root = await (navigator.storage as Partial<StorageManager> | undefined)?.getDirectory?.().catch(() => undefined);
    return say({ is: 'answer', value: {
      opfs: root !== undefined && 'createSyncAccessHandle' in File,
      'opfs-pieces': root !== undefined && 'createWritable' in File,
      'cache-api': 'caches' in globalThis,
      estimate: Boolean((navigator.storage as Partial<StorageManager> | undefined)?.estimate),
      locks: 'locks' in navigator,
      fileReaderSync: 'FileReaderSync' in globalThis,
    } });
  }
  const at = { storage: o.storage };
  const value = o.call === 'remove' ? await cache.remove(o.id!, at) : await cache[o.call](at);
  say({ is: 'answer', value: value ?? null });
}

onmessage = (e: MessageEvent<Order>) => {
  act(e.data).catch((error: unknown) => {
    const { name, code, message } = error as { name: string; code?: unknown; message: string };
    // A DOMException's code is a number from long ago.
    say({ is: 'failed', name, code: typeof code === 'string' ? code : undefined, message: message ?? String(error) });
  });
};
