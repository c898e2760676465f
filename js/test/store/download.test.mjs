// Downloads against a hub that misbehaves: what arrives is the file or an error, never anything between.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { cache, obtain, resolve } from '../../build/store/index.js';
import { bytesAsked, closeAll, contentOf, contentRequests, madeBytes, putPair, setUp, sha256 } from './helpers.mjs';

const SIZE = 700_001;

test('downloads', async (t) => {
  const { hub, cacheDir, options } = await setUp(t);
  const sums = putPair(hub);
  t.beforeEach(async () => {
    hub.reset();
    putPair(hub);
    await cache.clear({ cacheDir });
  });
  const load = async (extra = {}) => {
    const o = { ...options, ...extra };
    return obtain(await resolve('lab/tiny', o), o);
  };
  const check = (readers) => {
    assert.deepEqual([...readers.keys()], ['tiny-Q4_0.gguf', 'mmproj-tiny-F16.gguf']);
    assert.equal(sha256(contentOf(readers.get('tiny-Q4_0.gguf'))), sums.text.sha256);
    assert.equal(sha256(contentOf(readers.get('mmproj-tiny-F16.gguf'))), sums.vision.sha256);
    closeAll(readers);
  };
  const partFiles = () => readdirSync(cacheDir, { recursive: true }).filter((f) => f.endsWith('.part') || f.endsWith('.lock'));

  await t.test('a pair in ranges, then from the store without a request', async () => {
    check(await load());
    assert.ok(contentRequests(hub).length > 10, 'it came in one piece');
    assert.equal(bytesAsked(hub), SIZE + 150_000, 'bytes were asked for twice');
    assert.deepEqual(partFiles(), []);
    const before = hub.log.length;
    check(await load());
    assert.equal(hub.log.length, before, 'the second load asked the network');
  });

  await t.test('events are those of Transformers.js', async () => {
    const events = [];
    closeAll(await load({ progress: (e) => events.push(e) }));
    const of = (file) => events.filter((e) => e.file === file).map((e) => e.status);
    const seen = of('tiny-Q4_0.gguf');
    assert.deepEqual([seen[0], seen[1], seen.at(-2), seen.at(-1)], ['initiate', 'download', 'progress', 'done']);
    const last = events.filter((e) => e.status === 'progress_total').at(-1);
    assert.deepEqual([last.loaded, last.total, last.progress], [SIZE + 150_000, SIZE + 150_000, 100]);
    assert.deepEqual(last.files['tiny-Q4_0.gguf'], { loaded: SIZE, total: SIZE });
    assert.equal(events[0].storage, 'folder');
    assert.equal(events[0].name, 'lab/tiny');
    events.length = 0;
    closeAll(await load({ progress: (e) => events.push(e) }));
    assert.deepEqual(of('tiny-Q4_0.gguf'), ['initiate', 'done']);
  });

  await t.test('at most about ten events a second and file', async () => {
    hub.addFault({ match: 'tiny-Q4_0', slow: 400_000, times: 99 });
    const events = [], began = Date.now();
    check(await load({ connections: 2, progress: (e) => events.push(e) }));
    const seconds = (Date.now() - began) / 1000;
    const n = events.filter((e) => e.status === 'progress' && e.file === 'tiny-Q4_0.gguf').length;
    assert.ok(seconds > 0.5, `slow was ${seconds} s`);
    assert.ok(n >= 3 && n <= 10 * seconds + 3, `${n} events in ${seconds} s`);
  });

  await t.test('a dropped connection goes on at that byte', async () => {
    hub.addFault({ match: 'cdn/lab/tiny/tiny', drop: 10_007, times: 3, skip: 2 });
    check(await load());
    // Nothing that came before a cut is asked for again: each of the cut answers is asked on for its rest alone.
    const restarts = hub.log.filter((l) => l.origin === 'cdn' && l.range && Number(l.range.slice(6).split('-')[0]) % (64 << 10) !== 0);
    assert.ok(restarts.length >= 1, 'no request began within a piece'); // three, but for those whose bytes nobody had read yet
    for (const r of restarts) assert.equal(Number(r.range.slice(6).split('-')[0]) % (64 << 10) % 10_007, 0);
  });

  await t.test('connections dropped again and again give up after the last bytes', async () => {
    hub.addFault({ match: 'cdn/lab/tiny/tiny', drop: 0, times: 999, skip: 3 });
    await assert.rejects(load({ retries: 2 }), (e) => {
      assert.equal(e.code, 'network');
      assert.match(e.message, /tiny-Q4_0\.gguf: the download stopped at .* of 700 kB: .* 3 times in a row; .*what has arrived is kept/);
      return true;
    });
    const kept = (await cache.list({ cacheDir }))[0];
    assert.equal(kept.complete, false);
    assert.ok(kept.loaded >= 64 << 10, `${kept.loaded} bytes were kept`);
    hub.reset();
    check(await load());
    assert.ok(bytesAsked(hub) <= SIZE + 150_000 - kept.loaded, 'kept bytes were fetched again');
  });

  await t.test('a stalled answer is repeated from where it stood', async () => {
    hub.addFault({ match: 'cdn/lab/tiny/tiny', stall: 20_000, times: 2 });
    check(await load({ stallTimeout: 1000 })); // long enough that a busy machine is no stall
    assert.ok(contentRequests(hub).some((l) => l.startsWith('bytes=20000-')));
  });

  await t.test('an answer that never begins is a stall too', async () => {
    hub.addFault({ match: 'cdn/lab/tiny/tiny', delay: 600_000, times: 1 });
    check(await load({ stallTimeout: 1000 }));
  });

  await t.test('a truncated answer is completed', async () => {
    hub.addFault({ match: 'cdn/lab/tiny/tiny', truncate: 5000, times: 2 });
    check(await load());
  });

  await t.test('a damaged byte is found and fetched again', async () => {
    hub.addFault({ match: 'cdn/lab/tiny/tiny', corrupt: 300_000, times: 9 });
    check(await load());
    assert.ok(bytesAsked(hub) >= 2 * SIZE);
  });

  await t.test('a damaged copy on the server is an error, and nothing of it is kept', async () => {
    hub.addFault({ match: 'cdn/lab/tiny/tiny', corrupt: 300_000, times: 999 });
    await assert.rejects(load(), (e) => e.code === 'network' && /tiny-Q4_0\.gguf: bytes 0 to 700001 arrived damaged twice: SHA-256 is [0-9a-f]{64}, expected [0-9a-f]{64}/.test(e.message));
    const file = (await cache.list({ cacheDir }))[0].files.find((f) => f.name === 'tiny-Q4_0.gguf');
    assert.deepEqual(file, { name: 'tiny-Q4_0.gguf', size: SIZE, loaded: 0, complete: false });
  });

  await t.test('one ignored range is asked for again', async () => {
    hub.addFault({ match: 'cdn/lab/tiny/tiny', ignoreRange: true, times: 1, skip: 2 });
    check(await load());
  });

  await t.test('a server without ranges', async () => {
    hub.addFault({ match: 'cdn/', ignoreRange: true, times: 999 });
    check(await load());
    assert.equal(hub.log.filter((l) => l.origin === 'cdn').length, 2, 'one stream for each file');
  });

  await t.test('a server without ranges that breaks goes on behind what is here', async () => {
    hub.addFault({ match: 'cdn/', ignoreRange: true, times: 999 });
    hub.addFault({ match: 'cdn/lab/tiny/tiny', drop: 200_000, times: 2 });
    const loaded = [];
    check(await load({ progress: (e) => e.status === 'progress' && e.file === 'tiny-Q4_0.gguf' && loaded.push(e.loaded) }));
    assert.deepEqual(loaded, [...loaded].sort((a, b) => a - b), 'progress went backwards');
  });

  await t.test('429 with Retry-After waits that long', async () => {
    hub.addFault({ match: 'cdn/lab/tiny/tiny', status: 429, retryAfter: 1, times: 1 });
    const began = Date.now();
    check(await load());
    assert.ok(Date.now() - began >= 990, `waited ${Date.now() - began} ms`);
  });

  await t.test('500 a few times', async () => {
    hub.addFault({ match: 'cdn/lab/tiny/tiny', status: 500, times: 4 });
    hub.addFault({ match: 'GET /api/', status: 503, times: 2 });
    check(await load());
  });

  await t.test('500 for ever', async () => {
    hub.addFault({ match: 'cdn/lab/tiny/tiny', status: 500, times: 999 });
    await assert.rejects(load({ retries: 2 }), (e) => e.code === 'network' && /the server answered 500/.test(e.message));
  });

  await t.test('404 in the middle names the file', async () => {
    hub.addFault({ match: 'cdn/lab/tiny/tiny', status: 404, times: 1, skip: 2 });
    await assert.rejects(load(), (e) => e.code === 'network' && /^tiny-Q4_0\.gguf: the server answered 404/.test(e.message));
  });

  await t.test('a redirection to itself', async () => {
    hub.addFault({ match: 'cdn/lab/tiny/tiny', loop: true, times: 999 });
    await assert.rejects(load({ retries: 1 }), (e) => e.code === 'network' && /redirect/.test(e.message));
  });

  await t.test('an abort in the middle, then the rest', async () => {
    hub.addFault({ match: 'tiny-Q4_0', slow: 300_000, times: 99 });
    const stop = new AbortController();
    let seen = 0;
    await assert.rejects(
      load({ signal: stop.signal, progress: (e) => { if (e.status === 'progress' && e.file === 'tiny-Q4_0.gguf' && (seen = e.loaded) > 100_000) stop.abort(); } }),
      { name: 'AbortError' });
    hub.reset();
    const kept = (await cache.list({ cacheDir }))[0].files.find((f) => f.name === 'tiny-Q4_0.gguf');
    assert.ok(kept.loaded >= seen, `${kept.loaded} of ${seen} kept`);
    assert.deepEqual(partFiles().filter((f) => f.endsWith('.lock')), []);
    check(await load());
    const again = hub.log.filter((l) => l.origin === 'cdn' && l.path.includes('tiny-Q4')).reduce((n, l) => { const [a, b] = l.range.slice(6).split('-').map(Number); return n + b - a + 1; }, 0);
    assert.equal(again, SIZE - kept.loaded);
  });

  await t.test('an abort before', async () => {
    await assert.rejects(resolve('lab/tiny', { ...options, signal: AbortSignal.abort() }), { name: 'AbortError' });
    const r = await resolve('lab/tiny', options);
    await assert.rejects(obtain(r, { ...options, signal: AbortSignal.abort() }), { name: 'AbortError' });
  });

  await t.test('two at once fetch each byte once', async () => {
    hub.addFault({ match: 'tiny-Q4_0', slow: 1_000_000, times: 99 });
    const [a, b] = await Promise.all([load(), load()]);
    check(a);
    check(b);
    assert.equal(bytesAsked(hub), SIZE + 150_000);
  });

  await t.test('a lock that a dead process left is taken over', async () => {
    await assert.rejects(load({ progress: (e) => { if (e.status === 'download') throw new Error('stop here'); } }));
    const folder = path.join(cacheDir, readdirSync(cacheDir).find((n) => n.startsWith('lab')));
    writeFileSync(path.join(folder, 'tiny-Q4_0.gguf.lock'), '4194304');
    check(await load());
  });

  await t.test('a full disk', async () => {
    const r = await resolve('lab/tiny', options);
    r.files[0].size = 2 ** 52;
    await assert.rejects(obtain(r, options), (e) => e.code === 'storage' && /lab\/tiny: 4504 TB .* are to be stored and .* are free on the disk; remove models/.test(e.message));
    assert.equal(contentRequests(hub).length, 0, 'something was fetched');
  });

  await t.test('a record without its file, and a file without its record, are nothing', async () => {
    closeAll(await load());
    const folder = path.join(cacheDir, readdirSync(cacheDir).find((n) => n.startsWith('lab')));
    writeFileSync(path.join(folder, 'tiny-Q4_0.gguf'), 'short');
    hub.reset();
    check(await load());
    for (const f of readdirSync(path.join(cacheDir, 'records'))) if (f.includes('tiny-Q4_0')) writeFileSync(path.join(cacheDir, 'records', f), '{"v":1,"compl');
    hub.reset();
    check(await load());
    assert.ok(bytesAsked(hub) >= SIZE);
  });

  await t.test('in memory, and nothing stays', async () => {
    const events = [];
    check(await load({ storage: 'memory', progress: (e) => events.push(e) }));
    assert.equal(events[0].storage, 'memory');
    assert.ok(!existsSync(path.join(cacheDir, 'records')) || readdirSync(path.join(cacheDir, 'records')).length === 0);
    hub.reset();
    check(await load({ storage: 'memory' }));
    assert.equal(bytesAsked(hub), 0, 'the same worker kept it');
    await cache.clear({ storage: 'memory' });
  });

  await t.test('options out of range', async () => {
    const r = await resolve('lab/tiny', options);
    for (const bad of [{ connections: 0 }, { connections: 1.5 }, { pieceSize: 0 }, { stallTimeout: 0 }, { retries: -1 }, { storage: 'tape' }]) {
      await assert.rejects(obtain(r, { ...options, ...bad }), (e) => e.code === 'argument' && e.message.includes(Object.keys(bad)[0]), JSON.stringify(bad));
    }
  });

  await t.test('readers know their bounds', async () => {
    const readers = await load();
    const reader = readers.get('tiny-Q4_0.gguf');
    const want = madeBytes(SIZE, 1), got = new Uint8Array(1000);
    reader.read(SIZE - 1000, got);
    assert.deepEqual(Buffer.from(got), want.subarray(SIZE - 1000));
    assert.throws(() => reader.read(SIZE - 999, got), { code: 'io' });
    assert.throws(() => reader.read(-1, got), { code: 'io' });
    closeAll(readers);
  });

  await t.test('the folder holds the files by their names', async () => {
    closeAll(await load());
    const folder = readdirSync(cacheDir).find((n) => n.startsWith('lab'));
    assert.match(folder, /^lab--tiny-main-[0-9a-f]{8}$/);
    assert.equal(sha256(readFileSync(path.join(cacheDir, folder, 'tiny-Q4_0.gguf'))), sums.text.sha256);
  });
});
