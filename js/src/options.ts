// Options of an answer under the names of Transformers.js and of OpenAI, checked, to the engine's.

import type { AnswerParams } from './results.js';
import { GalagoError } from './errors.js';
import type { BaseStreamer, StoppingCriteria, StoppingFunction } from './streamers.js';
import type { WireEvent } from './rpc.js';

export interface GenerationOptions {
  /** What to ask about the picture. Default: "Describe this image.". */
  prompt?: string;
  /** A system message before the prompt. */
  system?: string;
  /** Tokens of the answer at most; default 512. `max_tokens` and `max_completion_tokens` say the same. */
  max_new_tokens?: number;
  max_tokens?: number;
  max_completion_tokens?: number;
  /** false = greedy whatever the temperature. true without a temperature = temperature 1. */
  do_sample?: boolean;
  /** 0 (the default) = greedy: the likeliest token each time. */
  temperature?: number;
  /** Draws from the k likeliest only; 0 = off. */
  top_k?: number;
  /** Draws from the likeliest that together have this probability; 0 or 1 = off. */
  top_p?: number;
  /** Leaves out what is less likely than this share of the likeliest; 0 = off. */
  min_p?: number;
  /** Over prompt and answer; 1 = off. */
  repetition_penalty?: number;
  presence_penalty?: number;
  frequency_penalty?: number;
  /** The same seed gives the same words. Default: another one each time. */
  seed?: number;
  /** Strings that end the answer and are not part of it. `stop_strings` says the same. */
  stop?: string | string[];
  stop_strings?: string | string[];
  /** The n likeliest tokens with their log-probabilities for each place, 1 to 64; true = 1. */
  logprobs?: number | boolean;
  /** OpenAI's name for the number beside `logprobs: true`. */
  top_logprobs?: number;
  /** Puts the prompt before the answer; with messages, false gives the answer's text alone. */
  return_full_text?: boolean;
  /** Is given the text as it is made. */
  streamer?: BaseStreamer | null;
  /** Asked after each piece whether to stop. */
  stopping_criteria?: StoppingCriteria | StoppingFunction | (StoppingCriteria | StoppingFunction)[] | null;
  /** Ends the call with an AbortError (or the signal's reason). */
  signal?: AbortSignal;
  /** Progress of vision and prefill, and notices such as a lost device. */
  progress_callback?: (event: WireEvent) => void;
  /** Lets the model reason before it answers. */
  think?: boolean;
  /** Goes on past the end of the answer, for measurements. */
  ignore_eos?: boolean;
  /** The prompt is rendered chat text with one <|image_pad|> for each picture; no template is added. */
  raw?: boolean;
}

function number(o: object, name: string, low: number, high: number, whole = false): number | undefined {
  const value = (o as Record<string, unknown>)[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number' || !(value >= low && value <= high) || (whole && !Number.isInteger(value)))
    throw new GalagoError('argument', `${name} is ${String(value)}; it must be a ${whole ? 'whole ' : ''}number from ${low} to ${high === Infinity ? 'any size' : high}`);
  return value;
}

function strings(value: unknown, name: string): string[] {
  const list = value === undefined || value === null ? [] : Array.isArray(value) ? value : [value];
  for (const s of list) if (typeof s !== 'string' || s === '') throw new GalagoError('argument', `${name} must be one or several strings with at least one character`);
  return list as string[];
}

export function answerParams(o: GenerationOptions): AnswerParams {
  const params: AnswerParams = {};
  const set = <K extends keyof AnswerParams>(key: K, value: AnswerParams[K] | undefined): void => {
    if (value !== undefined) params[key] = value;
  };
  const names = ['max_new_tokens', 'max_tokens', 'max_completion_tokens'] as const;
  for (const name of names) params.max_tokens ??= number(o, name, 1, 2 ** 31 - 1, true);
  if (params.max_tokens === undefined) delete params.max_tokens;
  const temperature = number(o, 'temperature', 0, 100);
  set('temperature', o.do_sample === false ? 0 : temperature ?? (o.do_sample === true ? 1 : undefined));
  set('top_k', number(o, 'top_k', 0, 2 ** 31 - 1, true));
  set('top_p', number(o, 'top_p', 0, 1));
  set('min_p', number(o, 'min_p', 0, 1));
  set('repetition_penalty', number(o, 'repetition_penalty', 0, 100));
  set('presence_penalty', number(o, 'presence_penalty', -100, 100));
  set('frequency_penalty', number(o, 'frequency_penalty', -100, 100));
  set('seed', number(o, 'seed', 0, Number.MAX_SAFE_INTEGER, true));
  if (params.temperature && params.seed === undefined) params.seed = Math.floor(Math.random() * 2 ** 32);
  const stop = [...strings(o.stop, 'stop'), ...strings(o.stop_strings, 'stop_strings')];
  if (stop.length) params.stop = stop;
  set('logprobs', logprobs(o));
  for (const name of ['think', 'ignore_eos', 'raw'] as const) if (o[name]) params[name] = true;
  for (const name of ['num_beams', 'num_return_sequences', 'n']) {
    const n = (o as Record<string, unknown>)[name];
    if (typeof n === 'number' && n > 1) throw new GalagoError('unsupported', `${name} is ${n}: one answer is made at a time. Call several times with different seeds.`);
  }
  return params;
}

function logprobs(o: GenerationOptions): number | undefined {
  const top = number(o, 'top_logprobs', 0, 64, true);
  if (o.logprobs === undefined || o.logprobs === null || o.logprobs === false) return undefined;
  if (o.logprobs === true) return Math.max(1, top ?? 1);
  return number(o, 'logprobs', 1, 64, true);
}
