// Every store through the same trials, those of browsers on fakes: the whole way, a crash at any moment, a full disk, two
// at once, listing and removing.
import assert from 'node:assert/strict';
import test from 'node:test';
import { cache, obtain, resolve } from '../../build/store/index.js';
import { bytesAsked, closeAll, contentOf, putPair, setUp, sha256 } from './helpers.mjs';
import { installFakes } from './fakes.mjs';

const disk = installFakes();

const kinds = ['opfs', 'opfs-pieces', 'cache-api', 'memory', 'folder'];
for (const storage of kinds) {
  test(storage, async (t) => {
    const { hub, cacheDir, options: o } = await setUp(t);
    const options = { ...o, storage, pieceSize: 100_000, connections: 3 };
    const where = { storage, cacheDir };
    const fake = !['memory', 'folder'].includes(storage);
    const sums = putPair(hub);
    t.beforeEach(async () => {
      hub.reset();
      disk.limit = Infinity;
      disk.estimated = undefined;
      disk.onChange = () => {};
      disk.locks.clear();
      for (const each of kinds) await cache.clear({ storage: each, cacheDir });
    });
    const load = async (extra = {}) => {
      const all = { ...options, ...extra };
      return obtain(await resolve('lab/tiny', { ...all, refresh: true }), all);
    };
    const check = (readers) => {
      assert.equal(sha256(contentOf(readers.get('tiny-Q4_0.gguf'))), sums.text.sha256);
      assert.equal(sha256(contentOf(readers.get('mmproj-tiny-F16.gguf'))), sums.vision.sha256);
      closeAll(readers);
    };

    await t.test('fetched once, read twice, at once too', async () => {
      const first = await load();
      hub.reset();
      const second = await load();
      assert.equal(bytesAsked(hub), 0);
      check(second);
      check(first);
    });

    await t.test('listed while unfinished, removed', async () => {
      hub.addFault({ match: 'tiny-Q4_0', slow: 400_000, times: 99 });
      const stop = new AbortController();
      await assert.rejects(load({ signal: stop.signal, progress: (e) => e.status === 'progress' && e.file === 'tiny-Q4_0.gguf' && e.loaded > 50_000 && stop.abort() }), { name: 'AbortError' });
      const [model] = await cache.list(where);
      assert.deepEqual([model.id, model.complete, model.storage, model.files.length, model.size], ['lab/tiny', false, storage, 2, 850_001]);
      assert.ok(model.loaded > 50_000 && model.loaded < 850_001, `${model.loaded}`);
      hub.reset();
      check(await load());
      assert.ok(bytesAsked(hub) <= 850_001 - model.loaded, 'what was kept was fetched again');
      const [whole] = await cache.list(where);
      assert.deepEqual([whole.complete, whole.loaded], [true, 850_001]);
      assert.equal(await cache.remove('lab/other', where), false);
      assert.equal(await cache.remove('lab/tiny', where), true);
      assert.deepEqual(await cache.list(where), []);
      if (fake) assert.equal(disk.used(), 0, 'something stayed');
      hub.reset();
      check(await load());
      assert.equal(bytesAsked(hub), 850_001);
    });

    await t.test('files of two models that are one file', async () => {
      check(await load());
      hub.put({ repo: 'lab/tiny', path: 'tiny-Q8_0.gguf', size: 100_000 });
      closeAll(await load({ dtype: 'q8' }));
      hub.control({ remove: { repo: 'lab/tiny', path: 'tiny-Q8_0.gguf' } });
      const [model] = await cache.list(where);
      assert.deepEqual(model.files.map((f) => f.name).sort(), ['mmproj-tiny-F16.gguf', 'tiny-Q4_0.gguf', 'tiny-Q8_0.gguf']);
      assert.equal(model.size, 950_001);
    });

    await t.test('two at once', async () => {
      hub.addFault({ match: 'cdn/', slow: 2_000_000, times: 99 });
      const [a, b] = await Promise.all([load(), load()]);
      assert.equal(bytesAsked(hub), 850_001);
      check(a);
      check(b);
    });

    await t.test('a damaged byte', async () => {
      hub.addFault({ match: 'cdn/lab/tiny/tiny', corrupt: 300_000, times: 1 });
      check(await load());
    });

    if (!fake) return;

    await t.test('the quota is looked at before the first byte', async () => {
      disk.estimated = 500_000;
      await assert.rejects(load(), (e) => e.code === 'storage' && /lab\/tiny: 850 kB \(850001 bytes\) are to be stored and 500 kB are free for this site/.test(e.message));
      assert.equal(bytesAsked(hub), 0);
      disk.estimated = 900_000;
      check(await load());
      assert.equal(disk.persisted, true, 'it did not ask to keep the files');
    });

    await t.test('a disk that is full in the middle, then is not', async () => {
      disk.limit = 400_000;
      disk.estimated = 2 ** 40;
      await assert.rejects(load(), (e) => e.code === 'storage' && /no room for more.*cache\.remove\(\)/.test(e.message));
      disk.limit = Infinity;
      hub.reset();
      check(await load());
    });

    await t.test('a stop at any moment', async () => {
      // The states of the disk at some thirty moments of one download, as they are and as a loss of power would leave them.
      const states = [];
      disk.onChange = () => {
        for (const flushed of [false, true]) states.push([disk.snapshot(flushed), flushed]);
      };
      const saved = Date.now;
      let clock = Date.now();
      Date.now = () => (clock += 400); // a record every few writes
      try {
        closeAll(await load({ connections: 2 }));
      } finally {
        Date.now = saved;
      }
      disk.onChange = () => {};
      assert.ok(states.length > 20, `${states.length} states`);
      let resumed = 0;
      for (let i = 0; i < states.length; i += Math.ceil(states.length / 40)) {
        states[i][0]();
        hub.reset();
        check(await load());
        if (bytesAsked(hub) < 850_001) resumed++;
      }
      assert.ok(resumed > 5, `only ${resumed} went on where they stood`);
    });
  });
}

test('a file that another tab has open', async (t) => {
  const { hub, options } = await setUp(t);
  const all = { ...options, storage: 'opfs' };
  putPair(hub);
  const readers = await obtain(await resolve('lab/tiny', all), all);
  await assert.rejects(cache.remove('lab/tiny', { storage: 'opfs' }), (e) => e.code === 'storage' && /has it open/.test(e.message));
  closeAll(readers);
  assert.equal(await cache.remove('lab/tiny', { storage: 'opfs' }), true);
});
