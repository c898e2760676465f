// The process: it ends by itself, workers leave nothing, the store's folder, probe, models in every form, threads, no WebGPU.
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { cache, pipeline, probe } from '../../dist/node.js';
import { startHub } from '../hub/server.mjs';
import { folder, node, read, refused, root, sample, words } from './lib.mjs';

const models = path.join(root, 'models/demo');
const says = async (model, options = {}) => {
  const vl = await pipeline('image-to-text', model, { device: 'cpu', ...options });
  const [{ generated_text }] = await vl(sample(1));
  await vl.dispose();
  return generated_text;
};
const six = (rest = '', options = "{ device: 'cpu' }") => `
  import { pipeline } from 'galago';
  const describe = await pipeline('image-to-text', 'demo', ${options});
  const [{ generated_text }] = await describe(${JSON.stringify(sample(1))});
  console.log(generated_text);
  ${rest}`;

export const tests = {
  'six lines print words, and the process ends by itself': () => {
    for (const args of [[], ['--expose-gc', '--enable-source-maps']]) {
      const { code, out, err } = node(six(), { args });
      assert.deepEqual([code, out, err], [0, `${words[1]}\n`, '']);
    }
  },
  'process.exit and disposal in the middle': () => {
    assert.equal(node(six('describe(' + JSON.stringify(sample(1)) + '); process.exit(3);')).code, 3);
    const { code, out } = node(six('const call = describe(' + JSON.stringify(sample(1)) + ').catch((e) => console.log(e.code)); await describe.dispose(); await call;'));
    assert.deepEqual([code, out], [0, `${words[1]}\nargument\n`]);
  },
  'an uncaught error shows the caller': () => {
    const { code, err } = node(six("await describe('/no/such.png');"));
    assert.equal(code, 1);
    assert.match(err, /GalagoError: The picture .*such\.png cannot be read: there is no such file/);
  },
  'one thread says the same': async () => {
    assert.equal(await says('demo', { threads: 1 }), words[1]);
  },
  'models: path, file: URL, folder, URL of a file, files, other names': async () => {
    const gguf = path.join(models, 'demo.gguf');
    for (const model of [gguf, path.relative(process.cwd(), gguf), pathToFileURL(gguf), models]) assert.equal(await says(model), words[1], String(model));
    const files = [new File([read(gguf)], 'demo.gguf'), new File([read(path.join(models, 'mmproj-demo.gguf'))], 'mmproj-demo.gguf')];
    assert.equal(await says(files), words[1]);
    assert.equal(await says({ files: { 'demo.gguf': new Blob([read(gguf)]), 'mmproj-demo.gguf': new Blob([read(path.join(models, 'mmproj-demo.gguf'))]) } }), words[1]);
    const dir = folder();
    mkdirSync(path.join(dir, 'a'));
    copyFileSync(gguf, path.join(dir, 'a', 'text.gguf'));
    copyFileSync(path.join(models, 'mmproj-demo.gguf'), path.join(dir, 'eyes.gguf'));
    assert.equal(await says(path.join(dir, 'a', 'text.gguf'), { mmproj: path.join(dir, 'eyes.gguf') }), words[1]);
  },
  'models that are not there': async () => {
    await refused(pipeline('image-to-text', './none.gguf'), 'io', /none\.gguf: there is no such file/);
    await refused(pipeline('image-to-text', ''), 'argument');
    await refused(pipeline('no-such-task', 'demo'), 'argument', /image-to-text/);
    await refused(pipeline('image-to-text', 'demo', { device: 'tpu' }), 'argument', /tpu/);
    const dir = folder(), text = path.join(dir, 'text.gguf');
    writeFileSync(text, 'this is not a model');
    await refused(pipeline('image-to-text', text, { device: 'cpu' }), 'format');
    await refused(pipeline('image-to-text', folder(), { device: 'cpu' }), 'argument', /neither a GGUF file nor/);
  },
  'a hub: probe, download, progress, cache, no network; abort in the middle': async () => {
    const hub = await startHub(), cacheDir = folder(), source = { cacheDir, retryDelay: 5 };
    try {
      for (const name of ['demo.gguf', 'mmproj-demo.gguf']) hub.put({ repo: 'lab/eyes', path: name, bytes: read(path.join(models, name)) });
      const options = { device: 'cpu', base_url: hub.url, source };
      const before = await probe('lab/eyes', options);
      assert.deepEqual([before.supported, before.format, before.download_bytes, before.files.length], [true, 'gguf', before.total_bytes, 2]);
      assert(before.storage_free_bytes > 0 && before.memory_bytes > before.total_bytes);
      const control = new AbortController();
      await refused(pipeline('image-to-text', 'lab/eyes', { ...options, signal: control.signal, progress_callback: (e) => e.status === 'progress' && control.abort() }), 'AbortError');
      const events = [];
      assert.equal(await says('lab/eyes', { ...options, progress_callback: (e) => events.push(e.status) }), words[1]);
      for (const status of ['initiate', 'progress', 'done', 'load', 'ready']) assert(events.includes(status), `${status} is not among ${[...new Set(events)]}`);
      assert.equal((await probe('lab/eyes', options)).download_bytes, 0);
      const list = await cache.list({ cacheDir });
      assert.deepEqual(list.map((m) => [m.id, m.complete, m.files.length]), [['lab/eyes', true, 2]]);
      assert((await cache.usage({ cacheDir })).used >= before.total_bytes);
      await refused(pipeline('image-to-text', 'lab/none', options), 'network', /lab\/none/);
    } finally {
      await hub.close();
    }
    const offline = { base_url: hub.url, source, local_files_only: true };
    assert.equal(await says('lab/eyes', offline), words[1]);
    assert.equal(await cache.remove('lab/eyes', { cacheDir }), true);
    await refused(says('lab/eyes', offline), 'storage', /not stored/);
    assert.deepEqual(readdirSync(cacheDir).filter((n) => n !== 'records'), []);
  },
  'without WebGPU: a reason, and a refusal where the GPU was asked for': async () => {
    const vl = await pipeline('image-to-text', 'demo', { webgpu: 'no-such-package' });
    assert.equal(vl.device.type, 'cpu');
    assert.match(vl.device.reason, /no-such-package.*cannot be loaded/);
    await vl.dispose();
    await refused(pipeline('image-to-text', 'demo', { webgpu: 'no-such-package', device: 'gpu' }), 'unsupported', /"auto" or "cpu"/);
    const p = await probe('demo', { webgpu: 'no-such-package', device: 'gpu' });
    assert.deepEqual([p.supported, /GPU was asked for/.test(p.reason)], [false, true]);
  },
  'the module from elsewhere': async () => {
    const wasm = path.join(root, 'js/dist/galago.wasm');
    for (const given of [wasm, pathToFileURL(wasm), read(wasm)]) assert.equal(await says('demo', { wasm: given, threads: 1 }), words[1]);
    await refused(pipeline('image-to-text', 'demo', { device: 'cpu', threads: 1, wasm: './none.wasm' }), 'io', /none\.wasm/);
  },
};
