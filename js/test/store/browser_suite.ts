// The store in real browsers: OPFS and the Cache API, faults of the hub, workers that die in the middle or work at once.
//
//   storeTests(hubUrl)              every test as {name: function}, for the harness (js/test/browser/suites/store.mjs)
//
// `hubUrl` is the address of js/test/hub/server.mjs. bundle.mjs beside this file makes build/ from both sources.
import type { Order, Report } from './store_worker.js';
import type { CachedModel, SourceOptions } from '../../src/store/index.js';

type Storage = 'opfs' | 'opfs-pieces' | 'cache-api' | 'memory' | 'auto';
type Facts = Record<'opfs' | 'opfs-pieces' | 'cache-api' | 'locks' | 'estimate' | 'fileReaderSync', boolean>;
type Loaded = Extract<Report, { is: 'loaded' }>;
interface Sum { sha256: string; size: number }
interface Request { method: string; path: string; range?: string; authorization?: string; origin: string }

class Failure extends Error {}
const ok = (value: unknown, what: string): void => {
  if (!value) throw new Failure(what);
};
const equal = (got: unknown, want: unknown, what: string): void => ok(JSON.stringify(got) === JSON.stringify(want), `${what}: ${JSON.stringify(got)}, expected ${JSON.stringify(want)}`);

/** A worker and what it reports. */
class User {
  /** Those that are not ended yet. */
  static readonly running = new Set<User>();
  private readonly worker: Worker;
  private readonly heard: ((r: Report) => void)[] = [];
  constructor(url: URL) {
    User.running.add(this);
    this.worker = new Worker(url, { type: 'module' });
    this.worker.onmessage = (e: MessageEvent<Report>) => this.heard.forEach((f) => f(e.data));
    this.worker.onerror = (e) => this.heard.forEach((f) => f({ is: 'failed', name: 'worker', code: undefined, message: e.message ?? 'the worker did not start' }));
  }
  on(f: (r: Report) => void): void {
    this.heard.push(f);
  }
  /** The end of one order; progress on the way goes to `on`. */
  ask(order: Order): Promise<Exclude<Report, { is: 'progress' }>> {
    return new Promise((resolve) => {
      this.on((r) => r.is !== 'progress' && resolve(r));
      this.worker.postMessage(order);
    });
  }
  kill(): void {
    User.running.delete(this);
    this.worker.terminate();
  }
}

const SIZE = 3_000_001, VISION = 400_000, REPO = 'lab/browser', TEXT = 'tiny-Q4_0.gguf', EYES = 'mmproj-tiny-F16.gguf';

/** Each test has a hub of its own, and no worker of an earlier one: a test that was given up spoils no other. */
export function storeTests(hubUrl: string, workerUrl = new URL('./store_worker.js', import.meta.url)): Record<string, () => Promise<void>> {
  return Object.fromEntries(Object.keys(testsAt(hubUrl, workerUrl)).map((name) => [name, async () => {
    for (const user of User.running) user.kill();
    const own = await fetch(`${hubUrl}/_control`, { method: 'POST', body: JSON.stringify({ hub: true }) });
    await testsAt(((await own.json()) as { url: string }).url, workerUrl)[name]!();
  }]));
}

function testsAt(hubUrl: string, workerUrl: URL): Record<string, () => Promise<void>> {
  const control = async <T>(body: unknown): Promise<T> => (await (await fetch(`${hubUrl}/_control`, { method: 'POST', body: JSON.stringify(body) })).json()) as T;
  const fault = (f: unknown): Promise<unknown> => control({ fault: f });
  const log = async (): Promise<Request[]> => (await control<{ log: Request[] }>({ log: true })).log;
  const asked = async (path = ''): Promise<number> => (await log()).filter((l) => l.path.includes(path) && l.range && l.range !== 'bytes=0-0' && l.method === 'GET' && (l.origin === 'cdn' || l.path.startsWith('/plain/')))
    .reduce((n, l) => { const [a, b] = l.range!.slice(6).split('-').map(Number); return n + b! - a! + 1; }, 0);
  const options: SourceOptions = { baseUrl: hubUrl, retryDelay: 20, pieceSize: 256 << 10, stallTimeout: 20_000 };

  // WebKit under a driver is a private window, whose caches are emptied when the last worker that opened them has ended
  // (see checkKept in pieces.ts): the page holds them, so that what is tested is the store.
  const heldCaches = new Map<string, Cache>();
  const holdCaches = async (): Promise<void> => {
    if (typeof caches === 'object') for (const name of await caches.keys()) heldCaches.set(name, await caches.open(name));
  };
  const once = async (order: Order): Promise<Exclude<Report, { is: 'progress' }>> => {
    const user = new User(workerUrl);
    try {
      return await user.ask(order);
    } finally {
      await holdCaches();
      user.kill();
    }
  };
  const loaded = (r: Report): Loaded => {
    if (r.is === 'failed') throw new Failure(`${r.name} ${r.code ?? ''}: ${r.message}`);
    ok(r.is === 'loaded', `reported ${r.is}`);
    return r as Loaded;
  };
  const failed = (r: Report, code: string, message: RegExp): void => {
    ok(r.is === 'failed', `it did not fail: ${r.is}`);
    const f = r as Extract<Report, { is: 'failed' }>;
    ok((f.code ?? f.name) === code && message.test(f.message), `${f.code ?? f.name}: ${f.message}, expected ${code} ${message}`);
  };
  const call = async <T>(storage: Storage, what: 'list' | 'usage' | 'clear' | 'remove', id?: string): Promise<T> => {
    const r = await once({ do: 'cache', call: what, id, storage });
    if (r.is !== 'answer') throw new Failure(`${what}: ${JSON.stringify(r)}`);
    return r.value as T;
  };
  // A worker that was ended is gone when it holds no lock any more; until then it may ask for more.
  const gone = async (): Promise<void> => {
    if (!facts!.locks) return;
    while ((await navigator.locks.query()).held?.some((l) => l.name?.startsWith('galago:'))) await new Promise((go) => setTimeout(go, 10));
  };
  let facts: Facts | undefined, sums: { text: Sum; vision: Sum } | undefined;
  const begin = async (storage: Storage): Promise<boolean> => {
    if (typeof caches === 'object' && !heldCaches.size) heldCaches.set('galago', await caches.open('galago'));
    facts ??= ((await once({ do: 'facts' })) as { value: Facts }).value;
    ok(facts.fileReaderSync, 'a worker without FileReaderSync');
    await control({ reset: true });
    sums = {
      text: await control({ put: { repo: REPO, path: TEXT, size: SIZE, seed: 11 } }),
      vision: await control({ put: { repo: REPO, path: EYES, size: VISION, seed: 12 } }),
    };
    if (storage !== 'auto' && storage !== 'memory' && !facts[storage]) return false;
    await call(storage, 'clear');
    return true;
  };
  const load = (storage: Storage, extra: Partial<SourceOptions> = {}, more: Partial<Extract<Order, { do: 'load' }>> = {}): Order =>
    ({ do: 'load', source: REPO, options: { ...options, storage, refresh: true, ...extra }, ...more });
  const check = (r: Report): Loaded => {
    const { files } = loaded(r), got = [files[TEXT], files[EYES]];
    equal(got.map((f) => [f?.size, f?.sha256]), [[SIZE, sums!.text.sha256], [VISION, sums!.vision.sha256]], 'content');
    return r as Loaded;
  };

  const tests: Record<string, () => Promise<void>> = {};
  const each = (name: string, kinds: Storage[], work: (storage: Storage) => Promise<void>): void => {
    for (const storage of kinds) {
      tests[`${storage}: ${name}`] = async () => {
        if (await begin(storage)) await work(storage);
        // What is missing is named, so that a browser that loses a store does not pass in silence.
        else equal((await once(load(storage))).is, 'failed', `'${storage}' is not offered and yet`);
      };
    }
  };
  const kept: Storage[] = ['opfs', 'opfs-pieces', 'cache-api'], all: Storage[] = [...kept, 'memory'];

  tests['the best store is chosen'] = async () => {
    await begin('auto');
    const { storage } = check(await once(load('auto')));
    const f = facts!;
    equal(storage, f.opfs ? 'opfs' : f['opfs-pieces'] ? 'opfs-pieces' : f['cache-api'] ? 'cache-api' : 'memory', 'storage');
    await call('auto', 'clear');
  };

  each('a pair, then from the store by another worker', all, async (storage) => {
    check(await once(load(storage)));
    equal(await asked(), SIZE + VISION, 'bytes asked for');
    if (storage === 'memory') return;
    await control({ reset: true });
    check(await once(load(storage, { refresh: false })));
    equal((await log()).length, 0, 'requests of the second load');
  });

  each('a worker that dies in the middle, twice', kept, async (storage) => {
    const recorded = async (): Promise<number> => (await call<CachedModel[]>(storage, 'list'))[0]?.files.find((f) => f.name === TEXT)?.loaded ?? 0;
    let here = 0;
    for (let round = 0; round < 2; round++) {
      await control({ reset: true });
      await fault({ match: 'cdn/lab/browser/tiny', slow: 120_000, times: 999 });
      const user = new User(workerUrl), before = here;
      let report: Report | undefined;
      void user.ask(load(storage)).then((r) => (report = r));
      while ((here = await recorded()) <= before && !report) await new Promise((go) => setTimeout(go, 50));
      ok(!report, `it ended before it was killed: ${JSON.stringify(report)}`);
      await holdCaches();
      user.kill();
      await gone();
    }
    await control({ reset: true });
    const [model] = await call<CachedModel[]>(storage, 'list');
    const file = model!.files.find((f) => f.name === TEXT)!;
    ok(!file.complete && file.loaded >= here, `${file.loaded} of ${here} bytes, complete ${file.complete}`);
    check(await once(load(storage)));
    const rest = await asked(TEXT);
    ok(rest <= SIZE - file.loaded, `${rest} bytes were asked for although ${file.loaded} of ${SIZE} were stored`);
  });

  each('two workers at once', kept, async (storage) => {
    await fault({ match: 'cdn/', slow: 3_000_000, times: 999 });
    const users = [new User(workerUrl), new User(workerUrl)];
    const reports = await Promise.all(users.map((u) => u.ask(load(storage, {}, { hold: true }))));
    for (const r of reports) check(r);
    if (facts!.locks) equal(await asked(), SIZE + VISION, 'bytes asked for');
    // Both still hold their readers: a third may read too, and nobody may remove.
    check(await once(load(storage)));
    await holdCaches();
    users.forEach((u) => u.kill());
  });

  each('no room', kept, async (storage) => {
    failed(await once(load(storage, {}, { estimate: { usage: 900_000, quota: 1_000_000 } })), 'storage', /lab\/browser: 3\.4 MB \(3400001 bytes\) are to be stored and 100 kB are free for this site/);
    equal(await asked(), 0, 'bytes asked for');
  });

  each('listed while unfinished, removed, cleared', kept, async (storage) => {
    await fault({ match: 'cdn/lab/browser/tiny', slow: 400_000, times: 999 });
    failed(await once(load(storage, {}, { stopAt: 600_000 })), 'AbortError', /./);
    const [model] = await call<CachedModel[]>(storage, 'list');
    equal([model!.id, model!.complete, model!.size, model!.storage], [REPO, false, SIZE + VISION, storage], 'the list');
    ok(model!.loaded >= 600_000 && model!.loaded < SIZE + VISION, `${model!.loaded} bytes loaded`);
    ok(!facts!.estimate || (await call<{ quota: number }>(storage, 'usage')).quota > 0, 'no quota');
    equal([await call(storage, 'remove', REPO), await call(storage, 'remove', REPO), await call(storage, 'list')], [true, false, []], 'remove');
  });

  each('cut, truncated, damaged, ignored, refused for a while', kept, async (storage) => {
    const match = 'cdn/lab/browser/tiny';
    for (const f of [{ drop: 70_001, times: 3 }, { truncate: 999, times: 2 }, { ignoreRange: true, times: 1, skip: 2 }, { status: 500, times: 3 }, { status: 429, retryAfter: 1 }, { corrupt: 1_234_567 }]) {
      await begin(storage);
      await fault({ match, ...f });
      try {
        check(await once(load(storage)));
      } catch (e) {
        throw new Failure(`${JSON.stringify(f)}: ${(e as Error).message}`);
      }
    }
  });

  each('a server without ranges', all, async (storage) => {
    await fault({ match: 'cdn/', ignoreRange: true, times: 999 });
    await fault({ match: 'cdn/lab/browser/tiny', drop: 1_000_000 });
    check(await once(load(storage)));
  });

  each('stalled', kept, async (storage) => {
    await fault({ match: 'cdn/lab/browser/tiny', stall: 50_000, times: 2 });
    check(await once(load(storage, { stallTimeout: 1000 })));
  });

  each('errors name the file', kept, async (storage) => {
    await fault({ match: 'cdn/lab/browser/tiny', status: 404 });
    failed(await once(load(storage)), 'network', /^tiny-Q4_0\.gguf: the server answered 404/);
    await begin(storage);
    await fault({ match: 'cdn/lab/browser/tiny', corrupt: 5, times: 999 });
    failed(await once(load(storage)), 'network', /arrived damaged twice/);
  });

  each('a plain file that changes in the middle', kept, async (storage) => {
    const url = `${hubUrl}/plain/b/tiny.gguf`;
    await control({ put: { path: 'b/tiny.gguf', size: SIZE, seed: 20 } });
    const { sha256 } = await control<Sum>({ put: { path: 'b/unused.gguf', size: SIZE, seed: 21 } });
    await fault({ match: 'b/tiny.gguf', change: 21, skip: 4 });
    const { files } = loaded(await once({ do: 'load', source: url, options: { ...options, storage, mmproj: '' } }));
    equal(files['tiny.gguf']?.sha256, sha256, 'content');
  });

  each('headers that are hidden from other origins', kept, async (storage) => {
    const { sha256 } = await control<Sum>({ put: { path: 'b/tiny.gguf', size: SIZE, seed: 22 } });
    await fault({ match: 'b/tiny.gguf', hide: true, times: 999 });
    const { files } = loaded(await once({ do: 'load', source: `${hubUrl}/plain/b/tiny.gguf`, options: { ...options, storage, mmproj: '' } }));
    equal(files['tiny.gguf']?.sha256, sha256, 'content');
  });

  each('a token', ['auto'], async (storage) => {
    await control({ repo: { id: REPO, token: 'sesame' } });
    failed(await once(load(storage)), 'network', /401.*pass a token/);
    check(await once(load(storage, { token: 'sesame' })));
    ok((await log()).every((l) => l.origin === 'hub' || !l.authorization), 'the token went to another origin');
    await control({ repo: { id: REPO } });
    await call(storage, 'clear');
  });

  tests['files that the user chose'] = async () => {
    await begin('auto');
    const bytes = new Uint8Array(5_000_000).map((_, i) => i * 7);
    const digest = [...new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))].map((b) => b.toString(16).padStart(2, '0')).join('');
    const { files, storage } = loaded(await once({ do: 'load', source: [new File([bytes], 'mine.gguf')], options }));
    equal([files['mine.gguf'], storage], [{ size: 5_000_000, sha256: digest }, 'none'], 'content');
  };

  return tests;
}
