// From what a user names to files: hubs, folders, demo, files that the user chose, paths of this machine.
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { obtain, resolve } from '../../build/store/index.js';
import { chooseText, chooseVision, typeOf } from '../../build/store/gguf_names.js';
import { closeAll, contentOf, putPair, setUp, sha256 } from './helpers.mjs';

const demoFolder = fileURLToPath(new URL('../../../models/demo/', import.meta.url));
const demoSize = ['demo.gguf', 'mmproj-demo.gguf'].reduce((sum, name) => sum + statSync(path.join(demoFolder, name)).size, 0);

test('names of GGUF files', async (t) => {
  await t.test('types', () => {
    for (const [name, type] of [
      ['Qwen3.5-0.8B-Q4_K_M.gguf', 'Q4_K_M'], ['model-UD-Q4_K_XL.gguf', 'Q4_K_XL'], ['a.Q8_0.gguf', 'Q8_0'], ['x-f16.gguf', 'F16'], ['x-fp16.gguf', 'F16'],
      ['mmproj-BF16.gguf', 'BF16'], ['x-IQ4_XS.gguf', 'IQ4_XS'], ['demo.gguf', ''], ['Qwen3.5-0.8B.gguf', ''], ['big-Q4_0-00001-of-00002.gguf', 'Q4_0'], ['x-MXFP4_MOE.gguf', 'MXFP4_MOE'],
    ]) assert.equal(typeOf(name), type, name);
  });

  const shop = ['README.md', 'Q-BF16.gguf', 'Q-IQ2_M.gguf', 'Q-Q2_K.gguf', 'Q-Q4_0.gguf', 'Q-Q4_K_M.gguf', 'Q-Q5_K_M.gguf', 'Q-Q8_0.gguf', 'mmproj-BF16.gguf', 'mmproj-F16.gguf', 'mmproj-F32.gguf', 'mtp-Q-Q8_0.gguf', 'imatrix_Q.gguf'];
  await t.test('the type asked for', () => {
    for (const [dtype, want] of [
      [undefined, 'Q-Q4_0.gguf'], ['auto', 'Q-Q4_0.gguf'], ['q4', 'Q-Q4_0.gguf'], ['Q4_K_M', 'Q-Q4_K_M.gguf'], ['q8', 'Q-Q8_0.gguf'], ['q8_0', 'Q-Q8_0.gguf'],
      ['fp16', 'Q-BF16.gguf'], ['f32', 'Q-BF16.gguf'], ['q6_k', 'Q-Q8_0.gguf'], ['q2_k', 'Q-Q2_K.gguf'],
    ]) assert.equal(chooseText('shop', shop, dtype), want, dtype);
    assert.throws(() => chooseText('shop', ['a-Q4_0.gguf', 'a-Q5_0.gguf'], 'f32'), (e) => e.code === 'argument' && /a-Q4_0\.gguf, a-Q5_0\.gguf/.test(e.message));
    assert.throws(() => chooseText('shop', ['a-Q4_0.gguf', 'b-Q4_0.gguf'], 'q4'), /several files are of dtype 'q4'/);
    assert.throws(() => chooseText('shop', ['mmproj-a.gguf'], 'q4'), /no GGUF file with a text part/);
  });

  await t.test('the vision part that belongs to it', () => {
    for (const [text, paths, want] of [
      ['Q-Q4_0.gguf', shop, 'mmproj-F16.gguf'],
      ['demo.gguf', ['demo.gguf', 'mmproj-demo.gguf', 'mmproj-other.gguf', 'other.gguf'], 'mmproj-demo.gguf'],
      ['a-Q4_0.gguf', ['a-Q4_0.gguf', 'a-Q8_0.gguf', 'mmproj-a-Q8_0.gguf', 'mmproj-b-Q8_0.gguf'], 'mmproj-a-Q8_0.gguf'],
      ['a.gguf', ['a.gguf', 'a.mmproj.gguf'], 'a.mmproj.gguf'],
      ['a.gguf', ['a.gguf', 'b.gguf', 'mmproj-b.gguf'], undefined],
      ['q4/a-Q4_0.gguf', ['q4/a-Q4_0.gguf', 'q8/a-Q8_0.gguf', 'q4/mmproj.gguf', 'q8/mmproj.gguf'], 'q4/mmproj.gguf'],
      ['a.gguf', ['a.gguf'], undefined],
    ]) assert.equal(chooseVision('shop', text, paths), want, text);
    assert.throws(() => chooseVision('shop', 'a.gguf', ['a.gguf', 'mmproj-x.gguf', 'mmproj-y.gguf']), /several vision parts/);
  });
});

test('resolve', async (t) => {
  const { hub, options } = await setUp(t);
  t.beforeEach(() => hub.reset());

  await t.test('a GGUF repository', async () => {
    const sums = putPair(hub, 'lab/pair');
    hub.put({ repo: 'lab/pair', path: 'tiny-Q8_0.gguf', size: 900_000 });
    const r = await resolve('lab/pair', options);
    const { commit } = hub.repo('lab/pair');
    assert.deepEqual([r.id, r.format, r.main, r.mmproj, r.total], ['lab/pair', 'gguf', 'tiny-Q4_0.gguf', 'mmproj-tiny-F16.gguf', 850_001]);
    assert.equal(r.files[0].url, `${hub.url}/lab/pair/resolve/${commit}/tiny-Q4_0.gguf`);
    assert.equal(r.files[0].sha256, sums.text.sha256);
    assert.equal(hub.log.length, 1, 'one request tells it all');
    assert.equal((await resolve('lab/pair', { ...options, dtype: 'q8' })).main, 'tiny-Q8_0.gguf');
    assert.equal((await resolve('lab/pair', { ...options, file: 'tiny-Q8_0.gguf', mmproj: '' })).files.length, 1);
    assert.equal((await resolve(`lab/pair@${commit}`, options)).id, `lab/pair@${commit}`);
    assert.equal((await resolve(`${hub.url}/lab/pair/blob/main/tiny-Q8_0.gguf`, options)).mmproj, 'mmproj-tiny-F16.gguf');
    await assert.rejects(resolve('lab/pair', { ...options, file: 'x.gguf' }), (e) => e.code === 'argument' && /holds no file x\.gguf; there are/.test(e.message));
    await assert.rejects(resolve('lab/pair@v9', options), { code: 'network' });
    await assert.rejects(resolve('lab/pair@v9', { ...options, revision: 'v8' }), { code: 'argument' });
  });

  await t.test('a Hugging Face folder', async () => {
    const repo = 'lab/Folder';
    for (const path of ['config.json', 'tokenizer.json', 'vocab.json', 'merges.txt', 'tokenizer_config.json', 'preprocessor_config.json', 'generation_config.json', 'README.md', 'model.safetensors.index.json']) hub.put({ repo, path, text: '{}' });
    hub.put({ repo, path: 'model-00001-of-00002.safetensors', size: 100_000 });
    hub.put({ repo, path: 'model-00002-of-00002.safetensors', size: 80_000 });
    hub.put({ repo, path: 'consolidated.safetensors', size: 180_000 });
    const r = await resolve(repo, options);
    assert.deepEqual([r.format, r.main, r.mmproj], ['hf', 'Folder', undefined]);
    assert.deepEqual(r.files.map((f) => f.name.slice('Folder/'.length)), ['config.json', 'generation_config.json', 'preprocessor_config.json', 'tokenizer.json', 'tokenizer_config.json', 'model.safetensors.index.json', 'model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors']);
    const readers = await obtain(r, options);
    assert.equal(contentOf(readers.get('Folder/config.json')).toString(), '{}');
    closeAll(readers);
    hub.control({ remove: { repo, path: 'tokenizer.json' } });
    hub.put({ repo, path: 'model.safetensors', size: 70_000 });
    const names = (await resolve(repo, { ...options, refresh: true })).files.map((f) => f.name);
    assert.ok(names.includes('Folder/vocab.json') && names.includes('Folder/merges.txt') && names.at(-1) === 'Folder/model.safetensors', String(names));
  });

  await t.test('a hub without a list', async () => {
    hub.addFault({ match: 'GET /api/', status: 404, times: 999 });
    assert.ok((await resolve('lab/Folder', { ...options, dtype: 'x' })).files.some((f) => f.name === 'Folder/model.safetensors'));
    const r = await resolve('lab/pair', { ...options, file: 'tiny-Q4_0.gguf', mmproj: 'mmproj-tiny-F16.gguf' });
    assert.deepEqual([r.main, r.mmproj, r.total], ['tiny-Q4_0.gguf', 'mmproj-tiny-F16.gguf', 850_001]);
    closeAll(await obtain(r, options));
  });

  await t.test('a folder at a plain address, with an index', async () => {
    for (const name of ['config.json', 'tokenizer.json']) hub.put({ path: `hf/${name}`, text: '{}' });
    hub.put({ path: 'hf/model.safetensors.index.json', text: JSON.stringify({ weight_map: { a: 'one.safetensors', b: 'two.safetensors', c: 'one.safetensors' } }) });
    hub.put({ path: 'hf/one.safetensors', size: 1000 });
    await assert.rejects(resolve(`${hub.url}/plain/hf/`, options), (e) => e.code === 'network' && /two\.safetensors: the index names it/.test(e.message));
    hub.put({ path: 'hf/two.safetensors', size: 2000 });
    const r = await resolve(`${hub.url}/plain/hf`, options);
    assert.deepEqual(r.files.map((f) => f.name), ['hf/config.json', 'hf/tokenizer.json', 'hf/model.safetensors.index.json', 'hf/one.safetensors', 'hf/two.safetensors']);
  });

  await t.test('private and gated', async () => {
    putPair(hub, 'lab/secret');
    hub.repo('lab/secret').token = 'sesame';
    await assert.rejects(resolve('lab/secret', options), (e) => e.code === 'network' && /lab\/secret on http.*401.*pass a token/.test(e.message));
    await assert.rejects(resolve('lab/nobody', options), { code: 'network' });
    const o = { ...options, token: 'sesame' };
    const r = await resolve('lab/secret', o);
    closeAll(await obtain(r, o));
    assert.ok(hub.log.filter((l) => l.origin === 'cdn').every((l) => l.authorization === undefined), 'the token went to another origin');
    await assert.rejects(obtain({ ...r, files: r.files.map((f) => ({ ...f, keptAs: `${f.url}x` })) }, { ...options, token: 'wrong' }), (e) => e.code === 'network' && /403.*token/.test(e.message));
  });

  await t.test('the demo model at an address', async () => {
    for (const name of ['demo.gguf', 'mmproj-demo.gguf']) hub.put({ path: `models/${name}`, from: path.join(demoFolder, name) });
    const r = await resolve('demo', { ...options, demoUrl: `${hub.url}/plain/models` });
    assert.deepEqual([r.id, r.main, r.mmproj, r.total], ['demo', 'demo.gguf', 'mmproj-demo.gguf', demoSize]);
    closeAll(await obtain(r, { ...options, pieceSize: 1 << 20 }));
    hub.addFault({ match: '/plain/', status: 500, times: 999 });
    assert.equal((await resolve('demo', { ...options, demoUrl: `${hub.url}/plain/models/` })).total, demoSize, 'without a network');
  });

  // As Chromium does: a Range request is answered with status 200 and that range alone, without a size; what is not there fails.
  await t.test('the demo model in the package of an extension', async () => {
    const asked = [];
    const fetch = async (address, { headers }) => {
      const file = path.join(demoFolder, path.basename(new URL(address).pathname));
      asked.push(path.basename(file));
      if (!existsSync(file)) throw new TypeError('Failed to fetch');
      const bytes = readFileSync(file), range = /^bytes=(\d+)-(\d+)$/.exec(new Headers(headers).get('range') ?? '');
      return new Response(range ? bytes.subarray(Number(range[1]), Number(range[2]) + 1) : bytes);
    };
    const o = { ...options, fetch, pieceSize: 1 << 20 };
    const r = await resolve('demo', { ...o, demoUrl: 'chrome-extension://abcdefghijklmnop/models/' });
    const readers = await obtain(r, o);
    for (const name of ['demo.gguf', 'mmproj-demo.gguf']) assert.ok(contentOf(readers.get(name)).equals(readFileSync(path.join(demoFolder, name))), name);
    closeAll(readers);
    asked.length = 0;
    await assert.rejects(resolve('demo', { ...o, demoUrl: 'chrome-extension://abcdefghijklmnop/elsewhere/', mmproj: 'none.gguf' }), (e) => e.code === 'network' && /none\.gguf/.test(e.message));
    assert.deepEqual(asked, ['demo.gguf', 'none.gguf'], 'what is not there was asked for again');
  });

  await t.test('the demo model on the disk is opened where it is', async () => {
    const r = await resolve('demo', { ...options, demoUrl: pathToFileURL(demoFolder).href });
    assert.deepEqual([r.id, r.main, r.mmproj], ['demo', 'demo.gguf', 'mmproj-demo.gguf']);
    const readers = await obtain(r, options);
    const head = new Uint8Array(4);
    readers.get('demo.gguf').read(0, head);
    assert.equal(Buffer.from(head).toString(), 'GGUF');
    closeAll(readers);
    assert.equal(hub.log.length, 0);
  });

  await t.test('paths of this machine', async () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'galago-model-'));
    t.after(() => rmSync(dir, { recursive: true, force: true }));
    copyFileSync(path.join(demoFolder, 'demo.gguf'), path.join(dir, 'a.gguf'));
    assert.deepEqual((await resolve(path.join(dir, 'a.gguf'), options)).mmproj, undefined);
    const r = await resolve(path.join(dir, 'a.gguf'), { ...options, mmproj: path.join(demoFolder, 'mmproj-demo.gguf') });
    assert.deepEqual([r.main, r.mmproj, r.total], ['a.gguf', 'mmproj-demo.gguf', demoSize]);
    assert.equal((await resolve(pathToFileURL(demoFolder), options)).main, 'demo.gguf');
    assert.equal((await resolve(pathToFileURL(path.join(demoFolder, 'demo.gguf')).href, options)).mmproj, 'mmproj-demo.gguf');
    mkdirSync(path.join(dir, 'hf'));
    for (const name of ['config.json', 'tokenizer.json', 'model.safetensors']) writeFileSync(path.join(dir, 'hf', name), '{}');
    assert.deepEqual((await resolve(path.join(dir, 'hf'), options)).files.map((f) => f.name), ['hf/config.json', 'hf/tokenizer.json', 'hf/model.safetensors']);
    await assert.rejects(resolve(path.join(dir, 'none.gguf'), options), (e) => e.code === 'io' && /no such file/.test(e.message));
    await assert.rejects(resolve(path.join(dir), { ...options, file: 'b.gguf' }), { code: 'argument' });
  });

  await t.test('files that the user chose', async () => {
    const file = (name, text) => new File([text], name);
    const r = await resolve([file('tiny-Q4_0.gguf', 'GGUF text'), file('mmproj-tiny.gguf', 'GGUF vision')], options);
    assert.deepEqual([r.format, r.main, r.mmproj, r.total], ['gguf', 'tiny-Q4_0.gguf', 'mmproj-tiny.gguf', 20]);
    const readers = await obtain(r, options);
    assert.equal(contentOf(readers.get('mmproj-tiny.gguf')).toString(), 'GGUF vision');
    closeAll(readers);
    const handle = (f) => ({ kind: 'file', name: f.name, getFile: async () => f });
    const hf = await resolve([handle(file('config.json', '{}')), handle(file('tokenizer.json', '{}')), handle(file('model.safetensors', 'x'))], options);
    assert.deepEqual([hf.format, hf.main, hf.files.map((f) => f.name)], ['hf', 'model', ['model/config.json', 'model/tokenizer.json', 'model/model.safetensors']]);
    await assert.rejects(resolve([], options), { code: 'argument' });
    await assert.rejects(resolve([file('notes.txt', '')], options), (e) => e.code === 'argument' && /neither a GGUF file nor config\.json/.test(e.message));
  });

  await t.test('a record of files, addresses and Blobs', async () => {
    hub.put({ path: 'r/a.gguf', size: 5000, seed: 3 });
    const r = await resolve({ files: { 'x.gguf': new URL(`${hub.url}/plain/r/a.gguf`), 'mmproj-x.gguf': new Blob(['eyes']), 'y.txt': 'data:,text' } }, options);
    assert.deepEqual([r.main, r.mmproj, r.total], ['x.gguf', 'mmproj-x.gguf', 5004]);
    const readers = await obtain(r, options);
    assert.equal(contentOf(readers.get('mmproj-x.gguf')).toString(), 'eyes');
    assert.equal(readers.get('x.gguf').size, 5000);
    closeAll(readers);
  });

  await t.test('made by the engine', async () => {
    assert.deepEqual(await resolve('synthetic:qwen3.5-0.8b'), { id: 'synthetic:qwen3.5-0.8b', format: 'gguf', main: 'synthetic:qwen3.5-0.8b', files: [], total: 0 });
  });

  await t.test('what is nothing', async () => {
    await assert.rejects(resolve('just words', options), (e) => e.code === 'argument' && /no address, no owner\/name of a hub and no file here/.test(e.message));
    await assert.rejects(resolve('lab/pair', { ...options, baseUrl: 'hub' }), (e) => e.code === 'argument' && /baseUrl/.test(e.message));
  });

  await t.test('a folder on the disk reads as it lies there', async () => {
    const readers = await obtain(await resolve(demoFolder, options), options);
    assert.equal(sha256(contentOf(readers.get('demo.gguf'))), sha256(readFileSync(path.join(demoFolder, 'demo.gguf'))));
    closeAll(readers);
  });
});
