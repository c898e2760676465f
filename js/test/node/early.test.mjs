// The beginnings of files that are on their way, and a model whose GPU fails while they are. (early.mjs has the rest, with a GPU.)
import assert from 'node:assert/strict';
import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Head } from '../../build/early.js';
import { pipeline } from '../../dist/node.js';
import { root, sample, words } from './lib.mjs';

const reader = (bytes) => ({ size: bytes.length, read: (offset, into) => into.set(bytes.subarray(offset, offset + into.length)), close() {} });
const made = (n) => Uint8Array.from({ length: n }, (_, i) => (i * 7) & 255);

export const tests = {
  'a head gives what has arrived without a gap'() {
    const bytes = made(100), head = new Head(100), into = new Uint8Array(30);
    head.take(50, bytes.slice(50, 80));
    assert.equal(head.has(1), false);
    assert.throws(() => head.read(50, into), { code: 'io' });
    head.take(0, bytes.slice(0, 50));
    assert.deepEqual([head.has(80), head.has(81)], [true, false]);
    head.read(40, into);
    assert.deepEqual(into, bytes.slice(40, 70));
    assert.throws(() => head.read(51, into), { code: 'io' });
  },
  'a head becomes the file that begins as it does, and no other'() {
    const bytes = made(100), into = new Uint8Array(10);
    const begun = () => {
      const head = new Head(100);
      head.take(0, bytes.slice(0, 60));
      return head;
    };
    const other = bytes.slice();
    other[59] ^= 1;
    assert.equal(begun().become(reader(other)), false);
    assert.equal(begun().become(reader(made(101))), false);
    const head = begun();
    assert.equal(head.become(reader(bytes)), true);
    head.read(90, into);
    assert.deepEqual(into, bytes.slice(90));
  },
  async 'a GPU that fails while the files arrive'() {
    const server = createServer((request, response) => {
      const file = path.join(root, 'models/demo', path.basename(request.url));
      response.writeHead(200, { 'content-length': statSync(file).size });
      createReadStream(file).pipe(response);
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const base = `http://127.0.0.1:${server.address().port}/`, files = Object.fromEntries(['demo.gguf', 'mmproj-demo.gguf'].map((name) => [name, base + name]));
    process.env.FAKE_WEBGPU = 'wrong';
    try {
      const vl = await pipeline('image-to-text', { files }, { device: 'auto', storage: 'memory', webgpu: fileURLToPath(new URL('./fake_webgpu.mjs', import.meta.url)) });
      const [{ generated_text, device }] = await vl(sample(1));
      assert.deepEqual([generated_text, device.type], [words[1], 'cpu']);
      assert.match(device.reason, /failed the self-test/);
      await vl.dispose();
    } finally {
      delete process.env.FAKE_WEBGPU;
      server.close();
      server.closeAllConnections();
    }
  },
};
