// pipeline(task, model, options): the API of Transformers.js over a model in a worker.

import { Chat, type ChatOptions } from './chat.js';
import { GalagoError } from './errors.js';
import type { EngineMemory, ModelInfo } from './results.js';
import type { PageHost } from './host_page.js';
import type { ImageInput } from './inputs.js';
import { isMessages, readMessages, type Message, type Turn } from './messages.js';
import { Model, type Figures, type ModelOptions } from './model.js';
import type { GenerationOptions } from './options.js';
import type { DeviceInfo } from './rpc.js';
import type { ModelSource } from './store/types.js';
import { AnswerStream } from './stream.js';

export type Task = 'image-to-text' | 'image-text-to-text' | 'visual-question-answering' | 'document-question-answering';
const tasks: readonly Task[] = ['image-to-text', 'image-text-to-text', 'visual-question-answering', 'document-question-answering'];
const DESCRIBE = 'Describe this image.';

/** Of 'image-to-text' and 'image-text-to-text'. With messages the conversation with the answer behind it, as Transformers has it. */
export type TextResult<Text = string> = Figures & { generated_text: Text };
/** Of 'visual-question-answering' and 'document-question-answering'. */
export type AnswerResult = Figures & { answer: string };

/** One prompt with one or several pictures. */
export interface PromptInput {
  image?: ImageInput;
  images?: ImageInput[];
  text?: string;
  prompt?: string;
  question?: string;
  messages?: Message[];
}

interface PipelineCommon {
  readonly task: Task;
  /** As it was given. */
  readonly model: string;
  readonly info: ModelInfo;
  /** Where it runs and why; changes when the device is lost. */
  readonly device: DeviceInfo;
  readonly tokenizer: Tokenizer;
  /** The answer in pieces; `.result` is the promise of the whole. */
  stream(input: ImageInput | ImageInput[] | Message[] | PromptInput, options?: GenerationOptions): AnswerStream<Figures>;
  stream(input: ImageInput | ImageInput[], text: string, options?: GenerationOptions): AnswerStream<Figures>;
  /** A conversation on the same model that keeps its state between turns. */
  createChat(options?: ChatOptions): Promise<Chat>;
  /** Forgets what is kept from the call before. */
  reset(): Promise<void>;
  memory(): Promise<EngineMemory>;
  /** FNV-1a 64 of the latest logits: equal runs have equal hashes. */
  logitsHash(): Promise<string>;
  /** Ends the worker and gives everything back. */
  dispose(): Promise<void>;
  /** For tests: the GPU goes away as after a driver's reset. */
  loseDevice(): Promise<void>;
}

/** Pictures are several prompts; a list inside of it, several pictures of one. */
export interface TextPipeline extends PipelineCommon {
  (input: ImageInput | PromptInput, options?: GenerationOptions): Promise<TextResult[]>;
  (input: ImageInput | ImageInput[], text: string, options?: GenerationOptions): Promise<TextResult[]>;
  (messages: Message[], options: GenerationOptions & { return_full_text: false }): Promise<TextResult[]>;
  (messages: Message[], options?: GenerationOptions): Promise<TextResult<Message[]>[]>;
  (batch: (ImageInput | ImageInput[] | PromptInput)[], options?: GenerationOptions): Promise<TextResult[][]>;
  (batch: Message[][], options?: GenerationOptions): Promise<TextResult<Message[]>[][]>;
}

export interface AnswerPipeline extends PipelineCommon {
  (image: ImageInput | ImageInput[], question: string, options?: GenerationOptions): Promise<AnswerResult[]>;
  (input: PromptInput, options?: GenerationOptions): Promise<AnswerResult[]>;
  (batch: PromptInput[], options?: GenerationOptions): Promise<AnswerResult[][]>;
}

export type Pipeline<T extends Task = Task> = T extends 'visual-question-answering' | 'document-question-answering' ? AnswerPipeline : TextPipeline;

/** Text to ids and back; both ask the worker. */
export interface Tokenizer {
  encode(text: string, options?: { special?: boolean }): Promise<number[]>;
  decode(ids: readonly (number | bigint)[], options?: { skip_special_tokens?: boolean }): Promise<string>;
}

interface Job {
  turns: Turn[];
  messages: Message[] | null;
  prompt: string;
}

function single(images: unknown[], prompt: string, system?: string): Turn[] {
  const turns: Turn[] = [{ role: 'user', text: prompt, images, inline: false }];
  return system ? [{ role: 'system', text: system, images: [], inline: false }, ...turns] : turns;
}

const isPrompt = (input: unknown): input is PromptInput =>
  typeof input === 'object' && input !== null && Object.getPrototypeOf(input) === Object.prototype && ['image', 'images', 'text', 'prompt', 'question', 'messages'].some((k) => k in input);

/** One element of a call's input to turns. */
function readJob(task: Task, input: unknown, o: GenerationOptions & { question?: string; images?: unknown[] }): Job {
  const asks = task.endsWith('question-answering');
  if (isMessages(input)) return { turns: withSystem(readMessages(input, o.images), o.system), messages: input, prompt: '' };
  let images: unknown[], prompt = o.prompt ?? o.question;
  if (isPrompt(input)) {
    images = input.images ?? ('image' in input ? [input.image] : []);
    prompt = input.question ?? input.prompt ?? input.text ?? prompt;
    if (input.messages) return { turns: withSystem(readMessages(input.messages, images), o.system), messages: input.messages, prompt: '' };
  } else {
    images = Array.isArray(input) ? input : [input];
  }
  if (prompt !== undefined && typeof prompt !== 'string') throw new GalagoError('argument', 'The prompt must be a string');
  if (asks && !prompt) throw new GalagoError('argument', `${task} needs a question: call it with (image, question)`);
  if (o.raw || images.length > 0 || prompt) return { turns: single(images, prompt ?? DESCRIBE, o.system), messages: null, prompt: prompt ?? DESCRIBE };
  throw new GalagoError('argument', 'There is neither a picture nor a prompt');
}

function withSystem(turns: Turn[], system: string | undefined): Turn[] {
  return system && turns[0]?.role !== 'system' ? [{ role: 'system', text: system, images: [], inline: false }, ...turns] : turns;
}

/** A batch: a list that is neither a conversation nor, for `stream`, the pictures of one prompt. */
const isBatch = (input: unknown): input is unknown[] => Array.isArray(input) && !isMessages(input);

export async function openPipeline<T extends Task>(task: T, source: ModelSource, options: ModelOptions, host: PageHost): Promise<Pipeline<T>> {
  if (!tasks.includes(task)) throw new GalagoError('argument', `The task "${String(task)}" is unknown. Known: ${tasks.join(', ')}.`);
  const model = await Model.open(source, options, host);
  options.progress_callback?.({ status: 'ready', task, model: model.name });
  return makePipeline(task, model) as Pipeline<T>;
}

function makePipeline(task: Task, model: Model): Pipeline {
  const asks = task.endsWith('question-answering');

  function shape(job: Job, figures: Figures, o: GenerationOptions): TextResult<string | Message[]> | AnswerResult {
    if (asks) return { answer: figures.text, ...figures };
    let generated: string | Message[] = figures.text;
    if (job.messages && o.return_full_text !== false) generated = [...job.messages, { role: 'assistant', content: figures.text }];
    else if (!job.messages && o.return_full_text) generated = job.prompt + figures.text;
    return { generated_text: generated, ...figures };
  }

  function read(rest: unknown[]): GenerationOptions {
    const [second, third] = rest;
    const text = typeof second === 'string' ? { prompt: second } : {};
    return { ...((typeof second === 'string' ? third : second) as GenerationOptions | undefined), ...text };
  }

  async function call(input: unknown, ...rest: unknown[]): Promise<unknown> {
    const o = read(rest), one = async (element: unknown): Promise<unknown[]> => {
      const job = readJob(task, element, o);
      return [shape(job, await model.answer({ turns: job.turns, options: o }), o)];
    };
    // With a text beside it, a list of pictures belongs to that text in Transformers; here as everywhere it is a batch.
    if (!isBatch(input)) return one(input);
    const results: unknown[] = [];
    for (const element of input) results.push(await one(element));
    return results;
  }

  const common: PipelineCommon = {
    task,
    model: model.name,
    get info() {
      return model.info;
    },
    get device() {
      return model.deviceInfo;
    },
    tokenizer: {
      encode: (text, o) => model.client.call({ op: 'tokenize', text, special: o?.special ?? false }),
      decode: (ids, o) => model.client.call({ op: 'detokenize', ids: ids.map(Number), special: !o?.skip_special_tokens }),
    },
    stream: (input: unknown, ...rest: unknown[]) => {
      const o = read(rest);
      return new AnswerStream(o, async (inner, piece) => {
        const job = readJob(task, input, inner);
        return shape(job, await model.answer({ turns: job.turns, options: inner }, piece), inner);
      });
    },
    createChat: (o) => Chat.create(model, o),
    reset: async () => void (await model.client.call({ op: 'context_reset', context: model.context })),
    memory: () => model.client.call({ op: 'memory' }),
    logitsHash: () => model.client.call({ op: 'logits_hash', context: model.context }),
    dispose: () => model.dispose(),
    loseDevice: async () => void (await model.client.call({ op: 'lose_device' })),
  };
  Object.defineProperties(call, Object.getOwnPropertyDescriptors(common));
  return call as unknown as Pipeline;
}
