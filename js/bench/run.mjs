// Measures load, vision, prefill and decode through the package and prints what `galago bench` prints.
//
//   node js/bench/run.mjs --host node|chromium|firefox --device gpu|cpu --model synthetic:qwen3.5-0.8b --dtype q4_0 --json
//
//   --reps N       repetitions; the median is shown (3)         --threads N   CPU threads; more than one needs --isolated in a page
//   --isolated     a cross-origin isolated page                 --seconds N   give up after this time (3600)
//   --quiet        no progress
// $CHROMIUM and $CHROMIUM_FLAGS name the browser and its flags, $DAWN Dawn's module for Node (its npm package is `webgpu`).
import { existsSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../test/browser/harness/server.mjs';
import { measureInPage } from './host.mjs';
import { measure } from './measure.mjs';

const { values: o } = parseArgs({
  options: {
    host: { type: 'string', default: 'node' }, device: { type: 'string', default: 'gpu' }, model: { type: 'string', default: 'demo' },
    dtype: { type: 'string' }, reps: { type: 'string', default: '3' }, threads: { type: 'string' }, seconds: { type: 'string', default: '3600' },
    json: { type: 'boolean', default: false }, isolated: { type: 'boolean', default: false }, quiet: { type: 'boolean', default: false },
  },
});

function fail(message) {
  console.error(message);
  process.exit(2);
}
if (!['node', 'chromium', 'firefox'].includes(o.host)) fail(`--host is node, chromium or firefox, not ${o.host}`);
if (!['gpu', 'cpu', 'auto'].includes(o.device)) fail(`--device is gpu, cpu or auto, not ${o.device}`);
const reps = Number(o.reps);
if (!Number.isInteger(reps) || reps < 1 || reps > 100) fail(`--reps is a number from 1 to 100, not ${o.reps}`);
if (!existsSync(path.join(root, 'js/dist/galago.wasm'))) fail('js/dist is not built: make wasm && (cd js && npm ci && node build.mjs)');

const say = (stage, fraction) => {
  if (!o.quiet && process.stderr.isTTY) process.stderr.write(`\r\x1b[K${stage} ${Math.round(100 * (fraction ?? 0))} %`);
};
const options = { model: o.model, device: o.device, dtype: o.dtype, threads: o.threads && Number(o.threads), reps };

async function run() {
  if (o.host === 'node') {
    const result = await measure(await import('../dist/node.js'), { ...options, webgpu: process.env.DAWN }, say);
    const peak_bytes = 1024 * process.resourceUsage().maxRSS;
    return { ...result, memory: { ...result.memory, peak_bytes }, host: `Node.js ${process.version}` };
  }
  const { result, version, memory } = await measureInPage({
    host: o.host, device: o.device, mode: o.isolated ? 'isolated' : 'plain', job: '/js/bench/measure.mjs', page: options, seconds: Number(o.seconds), onStage: say,
  });
  // All processes of the browser together: the peak, and how much of it an empty page takes.
  return { ...result, memory: { ...result.memory, peak_bytes: memory.peak, empty_page_bytes: memory.empty }, host: version };
}

function print(r) {
  const line = (label, value, unit, more = '') => console.log(`  ${label.padEnd(30)}${value.padStart(10)} ${unit}${more}`);
  console.log(`${r.model}, ${r.dtype}, ${r.device}, ${r.host}; median of ${r.reps}\n`);
  line('load', r.load_ms.toFixed(0), 'ms');
  if (r.image.prompt_tokens) {
    line(`picture ${r.image.width} x ${r.image.height}, resize`, r.image.image_ms.toFixed(1), 'ms');
    line('picture, vision tower', r.image.vision_ms.toFixed(1), 'ms');
    line('picture, first token', r.image.first_token_ms.toFixed(1), 'ms', `   (${r.image.prompt_tokens} tokens)`);
  }
  line('prefill, 256 tokens', r.prefill[256].toFixed(1), 'tok/s');
  line('prefill, 1,024 tokens', r.prefill[1024].toFixed(1), 'tok/s');
  line('decode at context 256', r.decode[256].toFixed(1), 'tok/s', `   ${((r.decode[256] * r.memory.weights_bytes) / 1e9).toFixed(1)} GB/s of weights`);
  line('decode at context 2,048', r.decode[2048].toFixed(1), 'tok/s');
  line('weights', (r.memory.weights_bytes / 1e6).toFixed(1), 'MB');
  line('peak memory', (r.memory.peak_bytes / 1e6).toFixed(1), 'MB', r.memory.empty_page_bytes ? `   (an empty page: ${(r.memory.empty_page_bytes / 1e6).toFixed(0)} MB)` : '');
  line('hash of the last logits', '', r.logits_hash);
}

try {
  const result = await run();
  if (!o.quiet && process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  if (o.json) console.log(JSON.stringify(result));
  else print(result);
  process.exit(0);
} catch (error) {
  console.error(`${error.code ? `${error.code}: ` : ''}${error.pageStack ?? error.stack}`);
  process.exit(error.code === 'memory' ? 3 : error.code === 'device_lost' || error.code === 'internal' ? 4 : 2);
}
