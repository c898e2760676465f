// A client in the shape of OpenAI's: chat.completions.create over a model on this device.

import { GalagoError } from './errors.js';
import type { PageHost } from './host_page.js';
import { readMessages, type Message } from './messages.js';
import { Model, type Figures, type ModelOptions } from './model.js';
import type { GenerationOptions } from './options.js';
import type { ModelSource } from './store/types.js';
import { AnswerStream } from './stream.js';

export interface ChatCompletionParams extends Pick<GenerationOptions, 'max_tokens' | 'max_completion_tokens' | 'temperature' | 'top_p' | 'top_k' | 'min_p' | 'presence_penalty' | 'frequency_penalty' | 'seed' | 'stop' | 'top_logprobs'> {
  /** Echoed; the model is the client's. */
  model?: string;
  messages: Message[];
  stream?: boolean;
  /** The last chunk carries the usage. */
  stream_options?: { include_usage?: boolean };
  logprobs?: boolean;
  n?: number;
}

export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  prompt_tokens_details: { cached_tokens: number };
}
export interface TokenLogprob {
  token: string;
  logprob: number;
  bytes: number[];
  top_logprobs: { token: string; logprob: number; bytes: number[] }[];
}
export type FinishReason = 'stop' | 'length';
export interface ChatCompletion {
  id: string;
  object: 'chat.completion';
  created: number;
  model: string;
  choices: { index: 0; message: { role: 'assistant'; content: string; refusal: null }; finish_reason: FinishReason; logprobs: { content: TokenLogprob[] } | null }[];
  usage: Usage;
  /** Galago's own: timings, memory, device, ids. */
  galago: Figures;
}
export interface ChatCompletionChunk {
  id: string;
  object: 'chat.completion.chunk';
  created: number;
  model: string;
  choices: { index: 0; delta: { role?: 'assistant'; content?: string }; finish_reason: FinishReason | null; logprobs: null }[];
  usage?: Usage | null;
}
/** Chunks to iterate over; leaving the loop, or `controller.abort()`, ends the answer. */
export interface ChatCompletionStream extends AsyncIterable<ChatCompletionChunk> {
  controller: AbortController;
}

export interface OpenAIClient {
  chat: {
    completions: {
      create(params: ChatCompletionParams & { stream: true }, request?: { signal?: AbortSignal }): Promise<ChatCompletionStream>;
      create(params: ChatCompletionParams & { stream?: false }, request?: { signal?: AbortSignal }): Promise<ChatCompletion>;
      create(params: ChatCompletionParams, request?: { signal?: AbortSignal }): Promise<ChatCompletion | ChatCompletionStream>;
    };
  };
  dispose(): Promise<void>;
}

const encoder = new TextEncoder();

function finish(reason: Figures['finish_reason']): FinishReason {
  return reason === 'length' ? 'length' : 'stop';
}
function usage(f: Figures): Usage {
  return { prompt_tokens: f.prompt_tokens, completion_tokens: f.completion_tokens, total_tokens: f.prompt_tokens + f.completion_tokens, prompt_tokens_details: { cached_tokens: f.reused_tokens } };
}

/** Each drawn token, and the likeliest beside it. A token that was drawn from outside the list has no logarithm of its own: -9999, as OpenAI has it. */
function logprobs(f: Figures, top: number): { content: TokenLogprob[] } | null {
  if (!f.logprobs || !f.tokens) return null;
  const entry = (token: string, logprob: number) => ({ token, logprob, bytes: [...encoder.encode(token)] });
  const content = f.logprobs.map((best, i) => {
    const texts = f.candidates?.[i] ?? [];
    const own = best.find(([id]) => id === f.token_ids[i]);
    return { ...entry(f.tokens![i]!, own?.[1] ?? -9999), top_logprobs: best.slice(0, top).map(([, lp], k) => entry(texts[k] ?? '', lp)) };
  });
  return { content };
}

function options(p: ChatCompletionParams, signal: AbortSignal | undefined): GenerationOptions {
  const { max_tokens, max_completion_tokens, temperature, top_p, top_k, min_p, presence_penalty, frequency_penalty, seed, stop, top_logprobs } = p;
  if (p.n !== undefined && p.n !== 1) throw new GalagoError('unsupported', `n is ${p.n}: one answer is made at a time`);
  return { max_tokens, max_completion_tokens, temperature, top_p, top_k, min_p, presence_penalty, frequency_penalty, seed, stop, top_logprobs, logprobs: p.logprobs, signal };
}

export async function openOpenAI(source: ModelSource, modelOptions: ModelOptions, host: PageHost): Promise<OpenAIClient> {
  const model = await Model.open(source, modelOptions, host);
  let serial = 0;

  async function create(params: ChatCompletionParams, request: { signal?: AbortSignal } = {}): Promise<ChatCompletion | ChatCompletionStream> {
    if (!Array.isArray(params?.messages) || params.messages.length === 0) throw new GalagoError('argument', 'messages must be a list with at least one message');
    const head = { id: `chatcmpl-${Date.now().toString(36)}${(++serial).toString(36)}`, created: Math.floor(Date.now() / 1000), model: params.model ?? model.name };
    const turns = readMessages(params.messages);
    if (!params.stream) {
      const f = await model.answer({ turns, options: options(params, request.signal) });
      const choice = { index: 0 as const, message: { role: 'assistant' as const, content: f.text, refusal: null }, finish_reason: finish(f.finish_reason), logprobs: logprobs(f, params.top_logprobs ?? 0) };
      return { ...head, object: 'chat.completion', choices: [choice], usage: usage(f), galago: f };
    }
    const controller = new AbortController(), outer = request.signal;
    if (outer?.aborted) controller.abort(outer.reason);
    else outer?.addEventListener('abort', () => controller.abort(outer.reason), { once: true });
    const answer = new AnswerStream(options(params, controller.signal), (o, piece) => model.answer({ turns, options: o }, piece));
    return { controller, [Symbol.asyncIterator]: () => chunks(answer, head, params.stream_options?.include_usage ?? false) };
  }

  return { chat: { completions: { create: create as OpenAIClient['chat']['completions']['create'] } }, dispose: () => model.dispose() };
}

async function* chunks(answer: AnswerStream<Figures>, head: { id: string; created: number; model: string }, withUsage: boolean): AsyncGenerator<ChatCompletionChunk> {
  const chunk = (delta: { role?: 'assistant'; content?: string }, reason: FinishReason | null): ChatCompletionChunk => ({
    ...head, object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: reason, logprobs: null }], ...(withUsage ? { usage: null } : {}),
  });
  yield chunk({ role: 'assistant', content: '' }, null);
  for await (const content of answer) yield chunk({ content }, null);
  const f = await answer.result;
  yield chunk({}, finish(f.finish_reason));
  if (withUsage) yield { ...chunk({}, null), choices: [], usage: usage(f) };
}
