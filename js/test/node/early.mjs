// Kernels are compiled while the weights are downloaded, and the first answer asks for no other; a download that is given up leaves a
// process that can end.
//
//   node js/test/node/early.mjs [--webgpu PATH]        Dawn's module; default: the one of js/test/browser
//
// On SwiftShader this takes minutes, so run.mjs leaves it out.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { folder, cleanUp, refused, root, sample, words } from './lib.mjs';

const swiftshader = '/usr/lib/chromium/vk_swiftshader_icd.json';
if (existsSync(swiftshader)) process.env.VK_ICD_FILENAMES ??= swiftshader;
process.env.XDG_RUNTIME_DIR ??= tmpdir();
const { values } = parseArgs({ options: { webgpu: { type: 'string' } } });
process.env.DAWN = values.webgpu ?? createRequire(new URL('../browser/run.mjs', import.meta.url)).resolve('webgpu');
const log = (process.env.PIPELINE_LOG = path.join(folder(), 'pipelines'));
const { pipeline } = await import('../../dist/node.js');
const webgpu = fileURLToPath(new URL('./real_card.mjs', import.meta.url));
const began = performance.now(), say = (text) => console.log(`${((performance.now() - began) / 1000).toFixed(1)} s: ${text}`);
const begun = () => (existsSync(log) ? readFileSync(log, 'utf8').split('\n').length - 1 : 0);

/** The demo model's files; the last tenth of each waits until `open` says so. */
const files = Object.fromEntries(['demo.gguf', 'mmproj-demo.gguf'].map((name) => [name, readFileSync(path.join(root, 'models/demo', name))]));
let open = () => true;
const server = createServer(async (request, response) => {
  const bytes = files[path.basename(request.url)], range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  const from = range ? Number(range[1]) : 0, to = range?.[2] ? Math.min(Number(range[2]) + 1, bytes.length) : bytes.length, held = Math.max(from, Math.min(to, Math.floor(bytes.length * 0.9)));
  response.writeHead(range ? 206 : 200, { 'content-length': to - from, 'accept-ranges': 'bytes', ...(range && { 'content-range': `bytes ${from}-${to - 1}/${bytes.length}` }) });
  response.write(bytes.subarray(from, held));
  while (!open() && !response.destroyed) await new Promise((resolve) => setTimeout(resolve, 100));
  response.end(bytes.subarray(held, to));
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const base = `http://127.0.0.1:${server.address().port}/`;
const model = { files: Object.fromEntries(Object.keys(files).map((name) => [name, base + name])) };
const options = { device: 'gpu', webgpu, storage: 'memory', stallTimeout: 600_000 };

// The last bytes come when the model's kernels are under way; without an early start they would never.
let atEnd = 0;
open = () => (atEnd = begun()) >= 50;
const vl = await pipeline('image-to-text', model, options);
const loaded = begun();
say(`opened on ${vl.device.name}; ${atEnd} pipelines were begun before the last bytes, ${loaded} when it was open`);
assert(atEnd >= 50 && vl.device.type === 'gpu');
const text = (await vl(sample(1), { max_new_tokens: 12 }))[0].generated_text;
say(text);
assert(words[1].startsWith(text) && text.length > 10);
assert.equal(begun(), loaded, 'the first answer made pipelines');
await vl.dispose();

// Given up while kernels are compiled and bytes are awaited.
writeFileSync(log, '');
open = () => false;
const stop = new AbortController(), second = pipeline('image-to-text', model, { ...options, signal: stop.signal });
while (begun() < 10) await new Promise((resolve) => setTimeout(resolve, 50));
stop.abort();
await refused(second, 'AbortError');
say(`given up with ${begun()} pipelines begun`);

server.close();
server.closeAllConnections();
rmSync(log);
await cleanUp();
say('done');
