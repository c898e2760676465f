// The standard measurements of cli/cmd_bench.c through the package: load, picture, prefill at 256 and 1,024 tokens, decode at
// context 256 and 2,048; the same text, the same picture, the same order, the same names in the result.

import { DECODE_TOKENS, QUESTION, SIDE, digits, median, picture } from './standard.mjs';

async function text(vl, n_tokens, n_decode) {
  await vl.reset(); // nothing is kept from the call before
  const [r] = await vl([{ role: 'user', content: digits(n_tokens) }], { raw: true, ignore_eos: true, max_new_tokens: n_decode });
  return { prefill: (r.prompt_tokens / r.timings.prefill_ms) * 1e3, decode: r.timings.decode_tok_s, memory: r.memory };
}

// All measurements once, interleaved, so that a machine that drifts drifts for all.
async function once(vl, image, step) {
  let shown = null;
  if (image) {
    await step('picture');
    await vl.reset();
    [shown] = await vl(image, { prompt: QUESTION, ignore_eos: true, max_new_tokens: 1 });
  }
  await step('1,024 tokens');
  const long = await text(vl, 1024, 1);
  await step('256 tokens and decode');
  const short = await text(vl, 256, DECODE_TOKENS);
  await step('2,048 tokens and decode');
  const far = await text(vl, 2048, DECODE_TOKENS);
  return {
    image_ms: shown?.timings.image_ms ?? 0, vision_ms: shown?.timings.vision_ms ?? 0, first_token_ms: shown?.timings.first_token_ms ?? 0,
    prompt_tokens: shown?.prompt_tokens ?? 0,
    prefill_256: short.prefill, prefill_1024: long.prefill, decode_256: short.decode, decode_2048: far.decode, memory: far.memory,
  };
}

// galago: the package. options: { model, device, dtype, threads, reps }. say(stage, fraction) is told how far it is.
export async function measure(galago, options, say = () => {}) {
  const { model, device, dtype, threads, webgpu, reps } = options;
  const vl = await galago.pipeline('image-to-text', model, {
    device, dtype, threads, webgpu, progress_callback: (e) => e.status === 'progress_total' && say('load', e.loaded / e.total),
  });
  try {
    const { info } = vl;
    const image = info.has_vision ? picture() : null;
    await once(vl, image, (part) => say(`warm up, ${part}`, 0)); // pipelines, caches; not counted
    const seen = [];
    for (let i = 0; i < reps; i++) {
      seen.push(await once(vl, image, (part) => say(`measure, ${part}`, i / reps)));
    }
    const of = (key) => median(seen.map((s) => s[key]));
    const last = seen.at(-1);
    return {
      model, dtype: dtype ?? 'as-is', device: info.device, reps, load_ms: info.load_ms,
      image: { width: SIDE, height: SIDE, image_ms: of('image_ms'), vision_ms: of('vision_ms'), first_token_ms: of('first_token_ms'), prompt_tokens: last.prompt_tokens },
      prefill: { 256: of('prefill_256'), 1024: of('prefill_1024') },
      decode: { 256: of('decode_256'), 2048: of('decode_2048') },
      memory: { weights_bytes: info.weights_bytes, ...last.memory },
      logits_hash: await vl.logitsHash(),
    };
  } finally {
    await vl.dispose();
  }
}

export async function measurePage(options, say) {
  await say('empty page', 0); // the moment at which the browser's own memory is read
  return measure(await import('../dist/index.js'), options, say);
}
