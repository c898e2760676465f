// Pure parts of the page: texts, settings, speed and time left, the policy, estimates, failures in words.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bundle } from './bundle.mjs';

test('plurals, numbers and missing keys', async () => {
  const { t, bytes, seconds, preferred } = await bundle('i18n.ts');
  assert.equal(t('models.files_listed', { n: 1 }), '1 file');
  assert.equal(t('models.files_listed', { n: 0 }), '0 files');
  assert.equal(t('models.files_listed', { n: 1234 }), '1,234 files');
  assert.equal(t('models.of', { loaded: 'a', total: '{loaded}' }), 'a of {loaded}', 'what is filled in is not read again');
  const warnings = [], before = console.warn;
  console.warn = (w) => warnings.push(w);
  assert.equal(t('no.such_key'), 'no.such_key');
  assert.equal(t('no.such_key'), 'no.such_key');
  console.warn = before;
  assert.equal(warnings.length, 1, 'said once');
  assert.deepEqual([0, 474, 999_499, 999_500, 616e6, 1.75e9].map(bytes), ['0 byte', '474 byte', '999 kB', '1 MB', '616 MB', '1.8 GB']);
  assert.deepEqual([0, 0.02, 0.42, 12.4, 89, 100, 3600, 4800].map(seconds), ['0\u202fs', '0.1\u202fs', '0.4\u202fs', '12\u202fs', '89\u202fs', '2\u202fmin', '1\u202fh', '1\u202fh 20\u202fmin']);
  assert.equal(preferred(['fr-FR', 'de-AT', 'en']), 'de');
  assert.equal(preferred(['fr']), 'en');
});

test('settings are cut to what is allowed', async () => {
  const { clamp, defaults } = await bundle('settings.ts');
  assert.deepEqual(clamp(null), defaults);
  assert.deepEqual(clamp('x'), defaults);
  const odd = clamp({ temperature: 9, top_p: -1, max_tokens: 100.7, detail: 'huge', think: 'yes', device: 'cpu', language: 'xx', theme: 'dark', figures: 1, other: 2 });
  assert.deepEqual(odd, { ...defaults, temperature: 2, top_p: 0.05, max_tokens: 96, device: 'cpu', theme: 'dark' });
  assert.equal(clamp({ temperature: 0.1 + 0.2 }).temperature, 0.3);
  assert.equal(clamp({ temperature: NaN }, { ...defaults, temperature: 1 }).temperature, 1);
});

test('speed and time left of a download', async () => {
  const { Estimator } = await bundle('estimate.ts');
  const e = new Estimator();
  assert.deepEqual(e.note(0, 100e6, 0), { loaded: 0, total: 100e6, bytes_per_s: 0, seconds_left: Infinity });
  assert.equal(e.note(1e6, 100e6, 500).bytes_per_s, 0, 'too early to tell');
  for (let s = 1; s <= 20; s++) e.note(s * 2e6, 100e6, s * 1000);
  const steady = e.note(42e6, 100e6, 21_000);
  assert.equal(Math.round(steady.bytes_per_s), 2e6);
  assert.equal(Math.round(steady.seconds_left), 29);
  // It stands still: the speed falls within the window, and never below nothing.
  assert.ok(e.note(42e6, 100e6, 29_000).bytes_per_s < 0.3e6);
  assert.equal(e.note(42e6, 100e6, 60_000).bytes_per_s, 0);
  // A damaged file begins anew.
  assert.equal(e.note(1e6, 100e6, 61_000).bytes_per_s, 0);
  assert.equal(e.note(100e6, 100e6, 63_000).seconds_left, 0);
});

test('the policy says which hosts may be asked', async () => {
  const { allows, connectOrigins } = await bundle('policy.ts');
  const policy = "default-src 'none'; connect-src 'self' https://hub.example https://*.cdn.example http://localhost:8303; img-src 'self'";
  assert.deepEqual(connectOrigins(policy), ['https://hub.example', 'https://*.cdn.example', 'http://localhost:8303']);
  const may = (url) => allows(policy, new URL(url), 'https://page.example');
  assert.deepEqual(['https://page.example/x', 'https://hub.example/a/b', 'https://a.b.cdn.example/x', 'http://localhost:8303/'].map(may), [true, true, true, true]);
  assert.deepEqual(['http://hub.example/', 'https://hub.example:8443/', 'https://cdn.example/', 'https://evilcdn.example/', 'http://localhost/'].map(may), [false, false, false, false, false]);
  assert.deepEqual(connectOrigins("default-src 'none'"), []);
});

test('estimates of the speed fit what was measured', async () => {
  const { predict, tokenBytes, rounded } = await bundle('speed.ts');
  const within = ([low, high], n) => assert.ok(low <= n && n <= high, `${n} is not within ${low} to ${high}`);
  // bench/wasm.md: one core of a Zen 3; docs/PERF.md: an H100 in Chromium. Words are three quarters of tokens.
  within(predict({ type: 'cpu', demo_ms: 0.83, bandwidth: 0 }, 490e6).words_per_s, (1000 / 173.7) * 0.75);
  const h100 = predict({ type: 'gpu', demo_ms: 1000 / 4144, bandwidth: 2.6e12 }, 490e6);
  within(h100.words_per_s, 830 * 0.75);
  within(h100.first_s, 0.0755);
  assert.equal(tokenBytes([{ name: 'a.gguf', size: 10 }, { name: 'mmproj-a.gguf', size: 5 }], 'gguf', undefined), 10);
  assert.equal(tokenBytes([{ name: 'm/config.json', size: 0 }, { name: 'm/model.safetensors', size: 1000 }], 'hf', 'q4'), 1000 * 0.36 * 0.82);
  assert.deepEqual([0.04, 0.26, 4.4, 27, 333].map(rounded), [0.1, 0.3, 4, 30, 350]);
});

test('failures in plain words', async () => {
  const { kindOf } = await bundle('errors.ts');
  const error = (code, message) => Object.assign(new Error(message), { code });
  assert.equal(kindOf(error('network', 'a/b: the server answered 404 (Not Found)'), true), 'not_found');
  assert.equal(kindOf(error('network', 'a/b: there is neither manifest.json nor config.json'), true), 'not_found');
  assert.equal(kindOf(error('network', 'a/b: the server answered 401'), true), 'token');
  assert.equal(kindOf(error('network', 'Failed to fetch'), false), 'offline');
  assert.equal(kindOf(error('network', 'a.gguf: bytes 0 to 5 arrived damaged twice'), true), 'damaged');
  assert.equal(kindOf(error('network', 'Failed to fetch'), true), 'network');
  assert.equal(kindOf(error('storage', 'a.gguf: no room for more after 3 MB'), true), 'full');
  assert.equal(kindOf(error('storage', 'a.gguf: it cannot be written'), true), 'storage');
  assert.equal(kindOf(error('unsupported', 'The GPU was asked for, but there is no WebGPU here. Use device "auto" or "cpu".'), true), 'no_gpu');
  assert.equal(kindOf(error('unsupported', 'a.gguf: a tensor of type 30'), true), 'unsupported');
  assert.equal(kindOf(new DOMException('x', 'AbortError'), true), 'stopped');
  assert.equal(kindOf(new TypeError('undefined is not a function'), true), 'internal');
  assert.equal(kindOf(null, true), 'internal');
});
