// What a token costs gpu.ts: the commands of a decode step of Qwen3.5-0.8B (138 dispatches with as many bind groups, 1.25 submits, two writes,
// a read for each four tokens, see src/engine/advance.c) over a device that does nothing. The module's own recording is not in it.
//
//   node js/test/node/loop_cost.mjs [--dispatches 138] [--tokens 2000] [--most MS]
//
// Prints milliseconds and microseconds per dispatch for each round; the first has all bind groups to make. With --most, exit status 1
// when the fastest round takes longer.
import { parseArgs } from 'node:util';
import { Gpu } from '../../build/gpu.js';
import { globals, mockDevice } from './mock_gpu.mjs';

Object.assign(globalThis, globals);
const { values: o } = parseArgs({ options: { dispatches: { type: 'string', default: '138' }, tokens: { type: 'string', default: '2000' }, most: { type: 'string' } } });
const n = Number(o.dispatches), tokens = Number(o.tokens), device = mockDevice();
const gpu = new Gpu(device, { name: 'mock', software: false, subgroupMin: 32, subgroupMax: 32, dot8: true });
gpu.memory = new WebAssembly.Memory({ initial: 64 });
const call = gpu.imports(), words = new Uint32Array(gpu.memory.buffer), bytes = new Uint8Array(gpu.memory.buffer);
const BINDINGS = 1024, COMMANDS = 4096, LABEL = 64, OUT = 65536;
bytes.set(new TextEncoder().encode('kernel\0'), LABEL);

// A dozen kernels, five bindings each.
const buffers = Array.from({ length: 64 }, () => call.buffer_create(1 << 20, 0));
const pipelines = Array.from({ length: 12 }, () => call.pipeline_create(LABEL, LABEL, 6, 0, 0));
for (const p of pipelines) while (!call.pipeline_ready(p)) await gpu.progress();
for (let i = 0; i < n; i++) {
  for (let b = 0; b < 5; b++) words.set([buffers[(i * 5 + b) % 64], 0, 0], (BINDINGS >> 2) + 3 * b);
  words.set([0, pipelines[i % 12], call.group_create(pipelines[i % 12], BINDINGS, 5), 64, 1, 1, 0, 0], (COMMANDS >> 2) + 8 * i);
}

let fastest = Infinity;
for (let round = 0; round < 5; round++) {
  const tickets = [], began = performance.now();
  let waited = 0;
  for (let t = 0; t < tokens; t++) {
    call.write(buffers[0], 0, 0, OUT, 256);
    call.write(buffers[1], 0, 0, OUT, 4);
    call.submit(COMMANDS, n);
    if (t % 4 === 3) tickets.push(call.read_begin(buffers[2], 0, 16));
    while (tickets.length && call.read_poll(tickets[0], OUT, 16) === 0) tickets.shift();
    if (call.in_flight() >= 32) {
      const at = performance.now();
      await gpu.progress();
      waited += performance.now() - at;
    }
  }
  const ms = (performance.now() - began - waited) / tokens;
  fastest = Math.min(fastest, ms);
  console.log(`${ms.toFixed(4)} ms a token, ${((ms * 1000) / n).toFixed(3)} µs a dispatch (and ${(waited / tokens).toFixed(4)} ms of waiting)`);
  while (tickets.length) if (call.read_poll(tickets[0], OUT, 16) === 0) tickets.shift(); else await gpu.progress();
}
const { submits, dispatches, groups, reads } = device.counts;
console.log(`${submits} submits, ${dispatches} dispatches, ${groups} bind groups, ${reads} reads, ${gpu.stagingBytes} bytes of staging`);
if (o.most && fastest > Number(o.most)) process.exitCode = 1;
