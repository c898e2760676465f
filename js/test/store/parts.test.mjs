// The parts by themselves: sums, sets of ranges, waiting times, and a process that is killed in the middle.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { cache, obtain, resolve } from '../../build/store/index.js';
import { Transient, probe, retrying, send, netOf } from '../../build/store/http.js';
import { piecesStore } from '../../build/store/pieces.js';
import { addRange, endOfRange, missingRanges, rangesAreSound, rangesSize, removeRange } from '../../build/store/ranges.js';
import { Sha256, sha256 } from '../../build/store/sha256.js';
import { bytesText } from '../../build/store/space.js';
import { bytesAsked, closeAll, contentOf, madeBytes, putPair, setUp, sha256 as native } from './helpers.mjs';

test('SHA-256 in pieces of every kind', () => {
  const bytes = madeBytes(70_000, 7);
  for (const n of [0, 1, 3, 55, 56, 57, 63, 64, 65, 119, 120, 128, 1000, 65_536, 70_000]) assert.equal(sha256(bytes.subarray(0, n)), native(bytes.subarray(0, n)), `${n} bytes`);
  for (const step of [1, 7, 63, 64, 65, 4096]) {
    const s = new Sha256();
    for (let i = 0; i < 9000; i += step) s.update(bytes.subarray(i, Math.min(i + step, 9000)));
    assert.equal(s.digest(), native(bytes.subarray(0, 9000)), `steps of ${step}`);
  }
});

test('sets of ranges, against a list of flags', () => {
  let x = 12345;
  const random = (n) => (x = (Math.imul(x, 1103515245) + 12345) >>> 0) % n;
  for (let round = 0; round < 200; round++) {
    const flags = new Array(60).fill(false), r = [];
    for (let i = 0; i < 30; i++) {
      const a = random(60), b = random(61), add = random(3) > 0;
      (add ? addRange : removeRange)(r, a, b);
      for (let k = a; k < b; k++) flags[k] = add;
      assert.ok(rangesAreSound(r, 60), JSON.stringify(r));
      assert.equal(rangesSize(r), flags.filter(Boolean).length);
    }
    const at = random(60);
    let end = at;
    while (flags[end]) end++;
    assert.equal(endOfRange(r, at), end);
    const missing = missingRanges(r, 60);
    assert.deepEqual(flags.map((f) => !f), flags.map((_, i) => missing.some((a, k) => k % 2 === 0 && i >= a && i < missing[k + 1])));
  }
});

test('bytes are read while they are on their way to the store', async () => {
  let arrive = () => {};
  const kept = new Map();
  const box = {
    put: async (key, piece, bytes) => {
      await new Promise((go) => (arrive = go));
      kept.set(piece, bytes);
    },
    get: async (key, piece) => kept.get(piece),
    names: async () => [...kept.keys()],
  };
  const part = await piecesStore('cache-api', box, {}).openPart('a/b', 6, []);
  await part.write(0, Uint8Array.of(1, 2, 3, 4, 5, 6));
  const stored = part.checkpoint(true);
  assert.deepEqual([...(await part.read(1, 4))], [2, 3, 4, 5], 'on the way');
  assert.equal(kept.size, 0);
  arrive();
  assert.deepEqual(await stored, [0, 6]);
  assert.deepEqual([...(await part.read(1, 4))], [2, 3, 4, 5], 'stored');
});

test('records of ranges that are not sound', () => {
  for (const bad of [[1], [3, 2], [0, 5, 5, 6], [0, 5, 4, 6], [0, 11], [-1, 3], [0.5, 2], ['0', 4], null, { length: 0 }]) assert.equal(rangesAreSound(bad, 10), false, JSON.stringify(bad));
  for (const good of [[], [0, 10], [0, 3, 5, 6]]) assert.equal(rangesAreSound(good, 10), true);
});

test('sizes for people', () => {
  assert.deepEqual([0, 999, 1000, 12_345, 999_999, 5_261_600, 2 ** 40].map(bytesText), ['0 bytes', '999 bytes', '1.0 kB', '12 kB', '1.0 MB', '5.3 MB', '1.1 TB']);
});

test('requests', async (t) => {
  const { hub, options } = await setUp(t);
  hub.put({ path: 'a', size: 1000 });
  const net = netOf(options, undefined), url = `${hub.url}/plain/a`;

  await t.test('a probe downloads one byte', async () => {
    hub.reset();
    assert.equal((await probe(net, url)).size, 1000);
    assert.deepEqual(hub.log.map((l) => l.range), ['bytes=0-0']);
    assert.equal(await probe(net, `${url}x`), undefined);
  });

  await t.test('Retry-After as seconds and as a date', async () => {
    for (const [retryAfter, least, most] of [[2, 2000, 2000], [new Date(Date.now() + 5000).toUTCString(), 2000, 5000], ['soon', 0, 0], [99_999, 300_000, 300_000], [new Date(0).toUTCString(), 0, 0]]) {
      hub.addFault({ match: '/plain/', status: 429, retryAfter });
      await assert.rejects(send(net, url), (e) => e instanceof Transient && e.wait >= least && e.wait <= most, String(retryAfter));
    }
  });

  await t.test('an abort ends the wait for a repetition', async () => {
    hub.addFault({ match: '/plain/', status: 429, retryAfter: 60 });
    const stop = new AbortController(), began = Date.now();
    setTimeout(() => stop.abort(), 50);
    await assert.rejects(retrying(netOf({ ...options, signal: stop.signal }), () => send({ ...net, signal: stop.signal }, url)), { name: 'AbortError' });
    assert.ok(Date.now() - began < 50_000);
  });
});

test('a process that is killed in the middle of a download', async (t) => {
  const { hub, cacheDir, options } = await setUp(t);
  const sums = putPair(hub);
  const program = `
    import { obtain, resolve } from ${JSON.stringify(new URL('../../build/store/index.js', import.meta.url).href)};
    const o = ${JSON.stringify({ ...options, connections: 2 })};
    await obtain(await resolve('lab/tiny', o), o);`;
  const recorded = async () => (await cache.list({ cacheDir }))[0]?.files.find((f) => f.name === 'tiny-Q4_0.gguf')?.loaded ?? 0;
  let asked = 0;
  for (const bytes of [100_000, 250_000]) {
    hub.reset();
    hub.addFault({ match: 'cdn/lab/tiny/tiny', slow: 100_000, times: 999 });
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'ignore', 'inherit'] });
    const exit = once(child, 'exit');
    let here;
    while ((here = await recorded()) < bytes && child.exitCode === null) await sleep(20);
    child.kill('SIGKILL');
    await exit;
    const [model] = await cache.list({ cacheDir });
    assert.equal(model.complete, false);
    assert.ok((await recorded()) >= here && here >= bytes, `${await recorded()} of ${here}`);
    asked = model.loaded;
  }
  hub.reset();
  const readers = await obtain(await resolve('lab/tiny', options), options);
  assert.equal(sha256(contentOf(readers.get('tiny-Q4_0.gguf'))), sums.text.sha256);
  closeAll(readers);
  assert.equal(bytesAsked(hub), 850_001 - asked);
});
