// One engine in a page, prefill and decode on the CPU: wllama or Galago, the same GGUF, the same text. See wllama.mjs.
import { digits, median } from './standard.mjs';

// llama.cpp in wasm; its own timings. The first character differs from call to call, so that nothing is taken from a cache.
async function wllama({ model, threads, prompt, tokens, reps }, say) {
  const { Wllama } = await import('/peers/wllama/index.js');
  const engine = new Wllama({ default: '/peers/wllama/wasm/wllama.wasm' }, { suppressNativeLog: true });
  const started = performance.now();
  await engine.loadModel([await (await fetch(model)).blob()], { n_ctx: 2048, n_threads: threads, n_gpu_layers: 0, warmup: true });
  const load_ms = performance.now() - started;
  const prefill = [], decode = [];
  let prompt_tokens = 0;
  for (let i = 0; i <= reps; i++) {
    await say('wllama', i / (reps + 1));
    const r = await engine.createCompletion({ prompt: (i % 10) + digits((i ? prompt : 16) - 1), max_tokens: i ? tokens : 2, temperature: 0, ignore_eos: true, cache_prompt: false });
    prompt_tokens = r.timings.prompt_n;
    if (i === 0) continue; // warm-up, short
    prefill.push(r.timings.prompt_per_second);
    decode.push(r.timings.predicted_per_second);
  }
  const used = engine.getNumThreads();
  await engine.exit();
  return { engine: 'wllama', threads: used, load_ms, prompt_tokens, prefill: median(prefill), decode: median(decode) };
}

async function galago({ model, threads, prompt, tokens, reps }, say) {
  const { pipeline } = await import('../dist/index.js');
  const started = performance.now();
  const vl = await pipeline('image-to-text', new URL(model, location.href).href, { device: 'cpu', threads });
  const load_ms = performance.now() - started;
  const prefill = [], decode = [];
  let prompt_tokens = 0;
  for (let i = 0; i <= reps; i++) {
    await say('galago', i / (reps + 1));
    await vl.reset();
    const [r] = await vl([{ role: 'user', content: (i % 10) + digits((i ? prompt : 16) - 1) }], { raw: true, ignore_eos: true, max_new_tokens: i ? tokens : 2 });
    prompt_tokens = r.prompt_tokens;
    if (i === 0) continue;
    prefill.push((r.prompt_tokens / r.timings.prefill_ms) * 1e3);
    decode.push(r.timings.decode_tok_s);
  }
  const { device } = vl.info;
  await vl.dispose();
  return { engine: 'galago', device, load_ms, prompt_tokens, prefill: median(prefill), decode: median(decode) };
}

export const measurePage = (options, say) => (options.engine === 'wllama' ? wllama(options, say) : galago(options, say));
