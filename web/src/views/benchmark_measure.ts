// The project's standard measurements on an open pipeline: the same texts, picture and order as `galago bench`.
import type { TextPipeline } from 'galago';
import { DECODE_TOKENS, QUESTION, SIDE, digits, median, picture } from '../../../js/bench/standard.mjs';

/** Names as in `galago bench --json`; tokens a second, milliseconds, bytes. */
export interface Measured {
  load_ms: number;
  image: { width: number; height: number; vision_ms: number; first_token_ms: number; prompt_tokens: number } | null;
  prefill: Record<string, number>;
  decode: Record<string, number>;
  memory: Record<string, number>;
  logits_hash: string;
  /** Least and most of all runs. */
  spread: Record<string, [number, number]>;
}
export type Part = 'picture' | 'prefill_1024' | 'decode_256' | 'decode_2048';

export interface MeasureOptions {
  runs: number;
  /** Also behind 2,048 tokens, which takes long where reading is slow. */
  far: boolean;
  signal: AbortSignal;
  /** Before each part; run 0 is the warm-up. */
  onpart(part: Part, run: number, share: number): void;
}

type Run = Record<'vision_ms' | 'first_token_ms' | 'prefill_256' | 'prefill_1024' | 'decode_256' | 'decode_2048', number>;

async function text(vl: TextPipeline, n_tokens: number, n_decode: number, signal: AbortSignal) {
  await vl.reset(); // nothing is kept from the call before
  const [r] = await vl([{ role: 'user', content: digits(n_tokens) }], { raw: true, ignore_eos: true, max_new_tokens: n_decode, temperature: 0, signal });
  return { prefill: (r!.prompt_tokens / r!.timings.prefill_ms) * 1e3, decode: r!.timings.decode_tok_s, memory: r!.memory };
}

/** Rejects with the signal's reason when it is aborted. */
export async function measure(vl: TextPipeline, { runs, far, signal, onpart }: MeasureOptions): Promise<Measured> {
  const image = vl.info.has_vision ? picture() : null;
  const parts = 2 + Number(image !== null) + Number(far), all = parts * (runs + 1), seen: Run[] = [];
  let done = 0, prompt_tokens = 0, memory = await vl.memory();
  for (let run = 0; run <= runs; run++) {
    const step = (part: Part): void => {
      signal.throwIfAborted();
      onpart(part, run, done++ / all);
    };
    const one: Run = { vision_ms: 0, first_token_ms: 0, prefill_256: 0, prefill_1024: 0, decode_256: 0, decode_2048: 0 };
    if (image) {
      step('picture');
      await vl.reset();
      const [shown] = await vl(image, { prompt: QUESTION, ignore_eos: true, max_new_tokens: 1, temperature: 0, signal });
      one.vision_ms = shown!.timings.vision_ms;
      one.first_token_ms = shown!.timings.first_token_ms;
      prompt_tokens = shown!.prompt_tokens;
    }
    step('prefill_1024');
    one.prefill_1024 = (await text(vl, 1024, 1, signal)).prefill;
    step('decode_256');
    const short = await text(vl, 256, DECODE_TOKENS, signal);
    [one.prefill_256, one.decode_256, memory] = [short.prefill, short.decode, short.memory];
    if (far) {
      step('decode_2048');
      const long = await text(vl, 2048, DECODE_TOKENS, signal);
      [one.decode_2048, memory] = [long.decode, long.memory];
    }
    // The first warms pipelines and caches up and does not count.
    if (run > 0) seen.push(one);
  }
  const of = (key: keyof Run): number => median(seen.map((s) => s[key]));
  const keys = (Object.keys(seen[0]!) as (keyof Run)[]).filter((key) => seen.some((s) => s[key] > 0));
  return {
    load_ms: vl.info.load_ms,
    image: image && { width: SIDE, height: SIDE, vision_ms: of('vision_ms'), first_token_ms: of('first_token_ms'), prompt_tokens },
    prefill: { 256: of('prefill_256'), 1024: of('prefill_1024') },
    decode: { 256: of('decode_256'), ...(far ? { 2048: of('decode_2048') } : {}) },
    memory: { weights_bytes: vl.info.weights_bytes, ...memory },
    logits_hash: await vl.logitsHash(),
    spread: Object.fromEntries(keys.map((key) => [key, [Math.min(...seen.map((s) => s[key])), Math.max(...seen.map((s) => s[key]))]])),
  };
}
