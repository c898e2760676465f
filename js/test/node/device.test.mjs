// Where the model runs and why, over WebGPUs with faults: 'auto' steps down to the CPU and says so, 'gpu' refuses in words.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { node, sample, words } from './lib.mjs';

const webgpu = fileURLToPath(new URL('./fake_webgpu.mjs', import.meta.url));
function tried(fault, device) {
  const { code, out, err } = node(`
    import { pipeline, probe } from 'galago';
    const notices = [], options = { device: '${device}', webgpu: ${JSON.stringify(webgpu)}, progress_callback: (e) => e.status === 'notice' && notices.push(e) };
    try {
      const vl = await pipeline('image-to-text', 'demo', options);
      const [{ generated_text, device }] = await vl(${JSON.stringify(sample(1))});
      console.log(JSON.stringify({ text: generated_text, device, same: device.reason === vl.device.reason, notices, probe: await probe('demo', options) }));
    } catch (e) {
      console.log(JSON.stringify({ code: e.code, message: e.message }));
    }`, { env: { FAKE_WEBGPU: fault } });
  assert.deepEqual([code, err], [0, '']);
  return JSON.parse(out);
}

const faults = {
  none: /no adapter/, refuse: /it gave no device: out of devices/, wrong: /failed the self-test: sum \d+ is 0 instead of/,
};
export const tests = {
  ...Object.fromEntries(Object.entries(faults).map(([fault, words_]) => [`a GPU with a fault: ${fault}`, () => {
    const auto = tried(fault, 'auto');
    assert.deepEqual([auto.text, auto.device.type, auto.same], [words[1], 'cpu', true]);
    assert.match(auto.device.reason, words_);
    assert.match(auto.device.name, /^cpu/);
    // What is known before the download is no notice.
    if (fault !== 'none') assert.match(auto.notices[0].message, words_);
    const gpu = tried(fault, 'gpu');
    assert.equal(gpu.code, 'unsupported');
    assert.match(gpu.message, words_);
  }])),
  'a software adapter is not taken by itself': () => {
    const r = tried('software', 'auto');
    assert.deepEqual([r.text, r.device.type, r.probe.supported], [words[1], 'cpu', true]);
    assert.match(r.device.reason, /SwiftShader.*software/);
  },
};
