// What a token costs the thread that gives the GPU its work: the module's recording and gpu.ts, over a device that does nothing.
//
//   node js/test/node/loop_cost.mjs [--model synthetic:qwen3.5-0.8b] [--tokens 400]
//
// Prints milliseconds per token, dispatches per token, and the share of Gpu.submit alone.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Engine } from '../../build/engine.js';
import { Gpu } from '../../build/gpu.js';
import { fileReader } from '../../build/store/folder.js';
import * as fs from 'node:fs';
import { globals, mockDevice } from './mock_gpu.mjs';

Object.assign(globalThis, globals);
const { values: o } = parseArgs({ options: { model: { type: 'string', default: 'synthetic:qwen3.5-0.8b' }, tokens: { type: 'string', default: '400' } } });
const device = mockDevice();
const gpu = new Gpu(device, { name: 'mock', software: false, subgroupMin: 32, subgroupMax: 32, dot8: true });
const module = await WebAssembly.compile(readFileSync(new URL('../../dist/galago.wasm', import.meta.url)));
const models = new URL('../../../models/demo/', import.meta.url).pathname;
const files = new Map(o.model === 'demo' ? ['demo.gguf', 'mmproj-demo.gguf'].map((n) => [n, fileReader(fs, n, models + n)]) : []);
const engine = await Engine.create(module, { files, gpu, memoryAvailable: 0, yield: () => new Promise((r) => setImmediate(r)) });
let submitMs = 0;
const submit = gpu.submit.bind(gpu);
gpu.submit = (at, n) => {
  const t = performance.now();
  submit(at, n);
  submitMs += performance.now() - t;
};
await engine.open(o.model === 'demo' ? { name: 'demo.gguf', mmproj: 'mmproj-demo.gguf', device: 'gpu' } : { name: o.model, device: 'gpu', dtype: 'q4_0' });
const context = engine.contextCreate(4096), n = Number(o.tokens);
for (let round = 0; round < 4; round++) {
  const before = { ...device.counts }, at = submitMs, began = performance.now();
  const r = await engine.answer(context, { messages: [{ role: 'user', text: 'Hello' }], max_tokens: n, ignore_eos: true });
  const ms = performance.now() - began, d = (k) => ((device.counts[k] - before[k]) / n).toFixed(2);
  console.log(`${r.completion_tokens} tokens: ${(ms / n).toFixed(3)} ms a token, in Gpu.submit ${((submitMs - at) / n).toFixed(4)}; per token ${d('dispatches')} dispatches, ${d('submits')} submits, ${d('writes')} writes, ${d('groups')} new groups, ${d('reads')} reads`);
}
