// How fast a model may be on this device, before it is downloaded: from a short measurement, and always told as a range.
//
// Making a word reads all weights of the text part once, so the time grows with their bytes. Two things are measured: the demo
// model's time for a token, and on a GPU the memory's speed, since there the demo model mostly waits for the launches of kernels.
// The factors come from the project's own measurements (docs/PERF.md, bench/wasm.md): H100 in Chromium, demo 0.24 ms, 0.8B 1.2 ms;
// one core of a Zen 3 in wasm, demo 0.83 ms, 0.8B 174 ms. Devices differ by more than these two, hence the width of the ranges.

import type { TextPipeline } from 'galago';
import { model } from './model.js';

export interface Measured {
  type: 'gpu' | 'cpu';
  /** Milliseconds of a token of the demo model. */
  demo_ms: number;
  /** Bytes a second; of a GPU. */
  bandwidth: number;
}
export interface Speed {
  words_per_s: [number, number];
  /** Until the first word about a photo. */
  first_s: [number, number];
}

/** Bytes of the demo model's text part. */
const DEMO_BYTES = 7.16e6;
const WORDS_PER_TOKEN = 0.75;

/** Bytes that each token reads: of a GGUF pair the text file; of a folder what the weights become, less the vision part. */
export function tokenBytes(files: readonly { name: string; size: number }[], format: 'gguf' | 'hf' | undefined, dtype: string | undefined): number {
  const sum = (list: readonly { size: number }[]): number => list.reduce((n, f) => n + Math.max(0, f.size), 0);
  if (format === 'gguf') return sum(files.filter((f) => !/mmproj/i.test(f.name)));
  const share = !dtype ? 1 : /4/.test(dtype) ? 0.36 : /8/.test(dtype) ? 0.54 : 1;
  return sum(files) * share * 0.82;
}

export function predict(m: Measured, bytes: number): Speed {
  const ms = m.type === 'gpu' ? m.demo_ms * 4 + (m.bandwidth > 0 ? (bytes / (m.bandwidth * 0.7)) * 1000 : 0) : m.demo_ms * (bytes / DEMO_BYTES) * 2.3;
  const [fast, slow] = [ms * 0.65, ms * 1.6];
  const words = (each: number): number => (1000 / each) * WORDS_PER_TOKEN;
  // A photo is a few hundred tokens to see and to read, which takes as long as 60 to 120 tokens take to make.
  return { words_per_s: [words(slow), words(fast)], first_s: [(fast * 60) / 1000, (slow * 120) / 1000] };
}

/** Two digits that count at most: an estimate has no more. */
export function rounded(n: number): number {
  if (n >= 100) return Math.round(n / 50) * 50;
  if (n >= 20) return Math.round(n / 10) * 10;
  if (n >= 3) return Math.round(n);
  return Math.max(0.1, Math.round(n * 10) / 10);
}

async function gpuBandwidth(): Promise<number> {
  const size = 64 << 20, times = 8;
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' });
  const device = await adapter?.requestDevice();
  if (!device) return 0;
  try {
    const usage = GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const from = device.createBuffer({ size, usage }), to = device.createBuffer({ size, usage });
    const once = async (n: number): Promise<number> => {
      const encoder = device.createCommandEncoder();
      for (let i = 0; i < n; i++) encoder.copyBufferToBuffer(i % 2 ? to : from, 0, i % 2 ? from : to, 0, size);
      const began = performance.now();
      device.queue.submit([encoder.finish()]);
      await device.queue.onSubmittedWorkDone();
      return performance.now() - began;
    };
    await once(2);
    // The wait for the end is in both, and falls out of the difference.
    const [few, many] = [await once(2), await once(2 + times)];
    return (2 * size * times) / Math.max(0.1, many - few) * 1000;
  } finally {
    device.destroy();
  }
}

async function demoMs(pipe: TextPipeline): Promise<number> {
  const run = async (tokens: number): Promise<number> => (await pipe.stream({ prompt: 'Describe this image.' }, { max_new_tokens: tokens, ignore_eos: true }).result).timings.decode_ms;
  await run(8);
  const tokens = 64;
  return (await run(tokens)) / (tokens - 1);
}

const done = new Map<string, Promise<Measured>>();

/** Measures this device once a visit; takes a second or two. */
export function measure(type: 'gpu' | 'cpu'): Promise<Measured> {
  let measuring = done.get(type);
  if (!measuring) {
    measuring = (async () => {
      const inUse = model.state === 'ready' && model.choice.kind === 'demo' && model.device?.type === type;
      const { pipeline } = await import('galago');
      const pipe = inUse ? await model.pipeline() : ((await pipeline('image-to-text', 'demo', { device: type })) as TextPipeline);
      try {
        return { type, demo_ms: await demoMs(pipe), bandwidth: type === 'gpu' ? await gpuBandwidth() : 0 };
      } finally {
        if (!inUse) void pipe.dispose();
      }
    })();
    done.set(type, measuring);
    measuring.catch(() => done.delete(type));
  }
  return measuring;
}
