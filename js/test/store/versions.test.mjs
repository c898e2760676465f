// Plain addresses: no list, no sums, only what the answers say. And parts with a manifest.
import assert from 'node:assert/strict';
import test from 'node:test';
import { cache, obtain, resolve } from '../../build/store/index.js';
import { bytesAsked, closeAll, contentOf, contentRequests, madeBytes, setUp, sha256 } from './helpers.mjs';

test('plain addresses', async (t) => {
  const { hub, cacheDir, options } = await setUp(t);
  delete options.baseUrl;
  const url = `${hub.url}/plain/m/tiny.gguf`;
  t.beforeEach(async () => {
    hub.reset();
    hub.put({ path: 'm/tiny.gguf', size: 500_000, seed: 5 });
    hub.put({ path: 'm/mmproj-tiny.gguf', size: 90_000, seed: 6 });
    await cache.clear({ cacheDir });
  });
  const load = async (extra = {}, from = url) => {
    const o = { ...options, ...extra };
    const r = await resolve(from, o);
    return { r, readers: await obtain(r, o) };
  };
  const check = ({ readers }, seed = 5, size = 500_000) => {
    assert.equal(sha256(contentOf(readers.get('tiny.gguf'))), sha256(madeBytes(size, seed)));
    closeAll(readers);
  };

  await t.test('the vision part is found beside it', async () => {
    const got = await load();
    assert.deepEqual([got.r.id, got.r.main, got.r.mmproj, got.r.format, got.r.total], [url, 'tiny.gguf', 'mmproj-tiny.gguf', 'gguf', 590_000]);
    check(got);
  });

  await t.test('by its option, or none', async () => {
    hub.put({ path: 'v/eyes.gguf', size: 1000, seed: 1 });
    assert.equal((await resolve(url, { ...options, mmproj: '../v/eyes.gguf' })).mmproj, 'eyes.gguf');
    assert.equal((await resolve(url, { ...options, mmproj: '' })).mmproj, undefined);
    await assert.rejects(resolve(url, { ...options, mmproj: 'none.gguf' }), { code: 'network' });
  });

  await t.test('a stored copy is asked after, and used when it is the same', async () => {
    check(await load());
    hub.reset();
    check(await load());
    assert.equal(bytesAsked(hub), 0);
    assert.ok(hub.log.some((l) => l.range === 'bytes=0-0'));
  });

  await t.test('another version on the server replaces the stored one', async () => {
    check(await load());
    hub.put({ path: 'm/tiny.gguf', size: 500_000, seed: 50 });
    check(await load(), 50);
    hub.put({ path: 'm/tiny.gguf', size: 400_000, seed: 51 });
    check(await load(), 51, 400_000);
  });

  await t.test('a server that cannot be reached: the stored copy serves', async () => {
    check(await load());
    hub.addFault({ match: '/plain/', status: 503, times: 999 });
    check(await load());
  });

  await t.test('{local: true} asks nobody', async () => {
    await assert.rejects(load({ local: true }), (e) => e.code === 'storage' && /not stored completely/.test(e.message));
    assert.equal(hub.log.length, 0);
    check(await load());
    hub.reset();
    check(await load({ local: true }));
    assert.equal(hub.log.length, 0);
  });

  await t.test('a file that changes between two requests starts anew', async () => {
    hub.addFault({ match: 'm/tiny.gguf', change: 77, times: 1, skip: 4 });
    check(await load(), 77);
  });

  await t.test('a file that changed since an abort starts anew', async () => {
    hub.addFault({ match: 'm/tiny.gguf', slow: 300_000, times: 99 });
    const stop = new AbortController();
    await assert.rejects(load({ signal: stop.signal, progress: (e) => e.status === 'progress' && e.loaded > 100_000 && stop.abort() }), { name: 'AbortError' });
    hub.reset();
    hub.put({ path: 'm/tiny.gguf', size: 500_000, seed: 9 });
    check(await load(), 9);
  });

  await t.test('a file that changes all the time is given up', async () => {
    for (let i = 0; i < 40; i++) hub.addFault({ match: 'm/tiny.gguf', change: 100 + i, times: 1, skip: 3 + i });
    await assert.rejects(load(), (e) => e.code === 'network' && /changed on the server four times/.test(e.message));
  });

  await t.test('another origin that hides every header', async () => {
    hub.addFault({ match: '/plain/', hide: true, times: 999 });
    check(await load());
  });

  await t.test('headers hidden and ranges unknown', async () => {
    hub.addFault({ match: '/plain/', hide: true, ignoreRange: true, times: 999 });
    check(await load());
  });

  await t.test('sizes that nobody tells: the end of the stream is the end of the file', async () => {
    hub.addFault({ match: '/plain/', hide: true, ignoreRange: true, truncate: 0, times: 999 });
    const r = await resolve(url, options);
    assert.deepEqual([r.files[0].size, r.total], [-1, 0]);
    check(await load());
    assert.equal((await cache.list({ cacheDir }))[0].size, 590_000);
  });

  await t.test('an empty file', async () => {
    hub.put({ path: 'm/tiny.gguf', text: '' });
    const got = await load();
    assert.equal(got.readers.get('tiny.gguf').size, 0);
    closeAll(got.readers);
  });

  await t.test('files of a split GGUF', async () => {
    for (const i of [1, 2, 3]) hub.put({ path: `s/big-0000${i}-of-00003.gguf`, size: 1000 * i, seed: i });
    const got = await load({}, `${hub.url}/plain/s/big-00001-of-00003.gguf`);
    assert.equal(got.r.main, 'big-00001-of-00003.gguf');
    assert.deepEqual([...got.readers.values()].map((r) => r.size), [1000, 2000, 3000]);
    closeAll(got.readers);
  });

  await t.test('an address with a query, and one that is wrong', async () => {
    check(await load({}, `${url}?signature=1`));
    await assert.rejects(load({}, `${hub.url}/plain/none.gguf`), (e) => e.code === 'network' && /404/.test(e.message));
    await assert.rejects(load({}, `${hub.url}/plain/none/`), (e) => e.code === 'network' && /neither manifest\.json nor config\.json/.test(e.message));
  });

  await t.test('a token goes to the origin asked and nowhere else', async () => {
    check(await load({ token: 'sesame' }));
    assert.ok(hub.log.every((l) => l.authorization === 'Bearer sesame'));
    hub.reset();
    closeAll((await load({ token: 'sesame', baseUrl: 'https://hub.example', refresh: true }, `${url}?other`)).readers);
    assert.ok(hub.log.length && hub.log.every((l) => l.authorization === undefined));
  });

  // ---- parts ----
  const putParts = (change = (m) => m) => {
    const whole = madeBytes(200_000, 8), parts = [];
    for (let i = 0; i * 70_000 < whole.length; i++) {
      const bytes = whole.subarray(i * 70_000, (i + 1) * 70_000);
      hub.put({ path: `p/tiny.gguf.00${i}`, bytes });
      parts.push({ name: `tiny.gguf.00${i}`, size: bytes.length, sha256: sha256(bytes) });
    }
    const vision = madeBytes(5000, 4);
    hub.put({ path: 'p/mmproj-tiny.gguf', bytes: vision });
    const manifest = change({ files: [{ name: 'tiny.gguf', size: whole.length, sha256: sha256(whole), parts }, { name: 'mmproj-tiny.gguf', size: 5000, sha256: sha256(vision) }] });
    hub.put({ path: 'p/manifest.json', text: typeof manifest === 'string' ? manifest : JSON.stringify(manifest) });
    return sha256(whole);
  };

  await t.test('parts with a manifest, by the folder or the manifest', async () => {
    const sum = putParts();
    for (const at of ['p/', 'p', 'p/manifest.json']) {
      await cache.clear({ cacheDir });
      const got = await load({}, `${hub.url}/plain/${at}`);
      assert.deepEqual([got.r.main, got.r.mmproj, got.r.total], ['tiny.gguf', 'mmproj-tiny.gguf', 205_000]);
      assert.equal(sha256(contentOf(got.readers.get('tiny.gguf'))), sum);
      closeAll(got.readers);
    }
  });

  await t.test('a damaged part alone is fetched again', async () => {
    const sum = putParts();
    hub.addFault({ match: 'tiny.gguf.001', corrupt: 5, times: 1 });
    const got = await load({}, `${hub.url}/plain/p/`);
    assert.equal(sha256(contentOf(got.readers.get('tiny.gguf'))), sum);
    closeAll(got.readers);
    const asked = (part) => contentRequests(hub).filter((l) => l.endsWith(part)).length;
    assert.deepEqual(['000', '001', '002'].map(asked), [2, 4, 1]);
  });

  await t.test('manifests that are wrong', async () => {
    for (const [change, what] of [
      [() => '{"files":', /no JSON/],
      [() => ({ files: [] }), /lists no files/],
      [(m) => { m.files[0].size = 3; return m; }, /its parts have 200000 bytes, it has 3/],
      [(m) => { m.files[0].sha256 = 'abc'; return m; }, /no sha256/],
      [(m) => { m.files[0].parts[0].name = '../../secret'; return m; }, /not a name within its folder/],
      [(m) => { m.files[1].size = -1; return m; }, /not a number of bytes/],
    ]) {
      putParts(change);
      await assert.rejects(load({}, `${hub.url}/plain/p/`), (e) => e.code === 'format' && what.test(e.message), String(what));
    }
  });
});
