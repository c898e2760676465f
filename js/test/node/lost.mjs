// The GPU goes away: between two answers, in the middle of one, and once more. The words stay what they were.
//
//   node js/test/node/lost.mjs [--webgpu PATH]        Dawn's module; default: the one of js/test/browser
//
// On SwiftShader this takes minutes, so run.mjs leaves it out.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { sample, words } from './lib.mjs';

const swiftshader = '/usr/lib/chromium/vk_swiftshader_icd.json';
if (existsSync(swiftshader)) process.env.VK_ICD_FILENAMES ??= swiftshader;
process.env.XDG_RUNTIME_DIR ??= tmpdir();
const { values } = parseArgs({ options: { webgpu: { type: 'string' } } });
const webgpu = values.webgpu ?? createRequire(new URL('../browser/run.mjs', import.meta.url)).resolve('webgpu');
const { pipeline } = await import('../../dist/node.js');

const began = performance.now(), say = (text) => console.log(`${((performance.now() - began) / 1000).toFixed(1)} s: ${text}`);
const notices = [];
const vl = await pipeline('image-to-text', 'demo', { device: 'gpu', webgpu, progress_callback: (e) => e.status === 'notice' && (notices.push(e.message), say(e.message)) });
say(`opened on ${vl.device.name}`);

await vl.loseDevice();
const max_new_tokens = 12, whole = (await vl(sample(1), { max_new_tokens }))[0].generated_text;
say(`lost between answers: ${whole}`);
assert(words[1].startsWith(whole) && whole.length > 10);
assert.deepEqual([notices.length, vl.device.type], [1, 'gpu']);

let text = '', lost = null;
const stream = vl.stream(sample(1), { max_new_tokens });
for await (const piece of stream) {
  text += piece;
  lost ??= vl.loseDevice();
}
await lost;
const result = await stream.result;
say(`lost in the middle: ${text}`);
assert.deepEqual([text, result.text, result.completion_tokens], [whole, whole, max_new_tokens]);
assert.deepEqual([notices.length, vl.device.type, result.device.type], [2, 'cpu', 'cpu']);
assert.match(vl.device.reason, /lost twice/);
assert.equal((await vl(sample(1)))[0].generated_text, words[1]);
await vl.dispose();
say('the GPU once more, then the CPU: the same words');
