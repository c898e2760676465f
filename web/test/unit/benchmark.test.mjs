import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bundle } from './bundle.mjs';

const { measure } = await bundle('views/benchmark_measure.ts');
const { markdown, json, browserOf, systemOf, present } = await bundle('views/benchmark_report.ts');

/** A pipeline that answers at once with the speeds that it is given, one for each run. */
function fake({ vision = true, decode = [1, 100, 300, 200], onanswer = () => {} } = {}) {
  const calls = [];
  const vl = async (input, options) => {
    const tokens = Array.isArray(input) ? input[0].content.length : 150;
    const run = calls.filter((c) => c.tokens === tokens).length;
    calls.push({ tokens, ...options });
    onanswer(calls.length);
    options.signal.throwIfAborted();
    return [{ prompt_tokens: tokens, memory: { wasm_bytes: tokens, gpu_bytes: 1 }, timings: { prefill_ms: tokens / 2, vision_ms: 5, first_token_ms: 10 * run, decode_tok_s: decode[run] } }];
  };
  return { calls, vl: Object.assign(vl, { info: { has_vision: vision, load_ms: 7, weights_bytes: 9 }, reset: async () => calls.push({ reset: true }), memory: async () => ({ wasm_bytes: 1 }), logitsHash: async () => 'abc' }) };
}

test('measures in the standard order, the warm-up does not count', async () => {
  const { vl, calls } = fake(), told = [];
  const m = await measure(vl, { runs: 3, far: false, signal: new AbortController().signal, onpart: (...part) => told.push(part) });
  assert.deepEqual(calls.slice(0, 6).map((c) => c.reset ?? c.tokens), [true, 150, true, 1024, true, 256], 'nothing is kept between parts');
  assert.deepEqual([m.decode, m.spread.decode_256, m.prefill, m.image.first_token_ms], [{ 256: 200 }, [100, 300], { 256: 2000, 1024: 2000 }, 20]);
  assert.deepEqual([m.load_ms, m.memory, m.logits_hash], [7, { weights_bytes: 9, wasm_bytes: 256, gpu_bytes: 1 }, 'abc']);
  assert.deepEqual(told[0], ['picture', 0, 0]);
  assert.deepEqual(told.at(-1).slice(0, 2), ['decode_256', 3]);
  assert.ok(told.every(([, , share], i) => share === i / 12));
  assert.ok(calls.filter((c) => c.tokens).every((c) => c.ignore_eos && c.temperature === 0));
});

test('without a vision tower, and with a long context', async () => {
  const { vl } = fake({ vision: false });
  const m = await measure(vl, { runs: 1, far: true, signal: new AbortController().signal, onpart() {} });
  assert.equal(m.image, null);
  assert.deepEqual([m.decode, m.memory.wasm_bytes], [{ 256: 100, 2048: 100 }, 2048]);
});

test('ends when it is cancelled', async () => {
  const control = new AbortController(), { vl, calls } = fake({ onanswer: (n) => n > 8 && control.abort() });
  await assert.rejects(measure(vl, { runs: 3, far: false, signal: control.signal, onpart() {} }), { name: 'AbortError' });
  assert.ok(calls.length < 14);
});

const result = (more = {}) => ({
  at: '2030-01-01', model: 'demo', dtype: 'as-is', device: 'cpu (simd128, 1 thread)', device_name: 'CPU', reason: '', runs: 3, browser: 'B 1', system: 'S', cores: 2, isolated: false,
  version: '0.1.0', hidden: false, load_ms: 7, image: null, prefill: { 256: 1, 1024: 2 }, decode: { 256: 3 }, memory: { weights_bytes: 1e6, wasm_bytes: 2e6, gpu_bytes: 1e6 }, logits_hash: 'abc', spread: {}, ...more,
});
const words = { text: (key) => key, figure: (value, unit) => `${value} ${unit}` };

test('markdown has a column for each result, and no bar of a name breaks it', () => {
  const text = markdown([result(), result({ model: 'a|b', dtype: 'q4', decode: { 256: 3, 2048: 4 }, hidden: true })], words), lines = text.split('\n');
  assert.ok(lines.slice(0, 11).every((line) => line.replaceAll('\\|', '').split('|').length === 5), text);
  assert.ok(text.includes('a\\|b, q4'));
  assert.ok(lines.some((line) => line === '| row_decode_2048 | – | 4 tok/s |'));
  assert.ok(lines.some((line) => line === '| row_memory | 3000000 bytes | 3000000 bytes |'));
  assert.ok(!text.includes('row_first_token'), 'what nobody measured has no row');
  assert.ok(text.includes('was_hidden'));
  assert.equal(present([result()]).length, 7);
});

test('json is read back', () => {
  assert.equal(JSON.parse(json([result()])).logits_hash, 'abc');
  assert.equal(JSON.parse(json([result(), result()])).length, 2);
});

test('browsers and systems by what they say', () => {
  const agent = (userAgent, brands, platform) => ({ userAgent, ...(brands ? { userAgentData: { brands, platform } } : {}) });
  const edge = agent('…', [{ brand: 'Not A;Brand', version: '8' }, { brand: 'Chromium', version: '150' }, { brand: 'Microsoft Edge', version: '150' }], 'Windows');
  assert.deepEqual([browserOf(edge), systemOf(edge)], ['Microsoft Edge 150', 'Windows']);
  assert.equal(browserOf(agent('…', [{ brand: 'Chromium', version: '156' }], 'Linux')), 'Chromium 156');
  const firefox = agent('Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0');
  assert.deepEqual([browserOf(firefox), systemOf(firefox)], ['Firefox 153', 'Linux']);
  const safari = agent('Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1');
  assert.deepEqual([browserOf(safari), systemOf(safari)], ['Safari or WebKit 26.0', 'iOS']);
});
