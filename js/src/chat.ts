// A conversation that keeps its state: each turn computes only what is new.

import { GalagoError, abortError } from './errors.js';
import type { ImageInput } from './inputs.js';
import type { Message } from './messages.js';
import type { Figures, Model } from './model.js';
import type { GenerationOptions } from './options.js';
import { AnswerStream } from './stream.js';

export interface ChatOptions extends Omit<GenerationOptions, 'prompt' | 'signal' | 'stopping_criteria'> {
  /** Tokens of the whole conversation; default 4096. */
  context?: number;
}

/** A turn's options; what is absent is as for the chat. */
export interface TurnOptions extends Omit<GenerationOptions, 'prompt' | 'system'> {
  image?: ImageInput;
  images?: ImageInput[];
}

interface Kept {
  kind: 'kept';
  id: number;
}

export class Chat {
  private history: { message: Message; text: string; images: Kept[] }[] = [];
  private busy = false;
  private disposed = false;
  private constructor(private readonly model: Model, private readonly context: number, private readonly options: ChatOptions, private readonly onDispose?: () => Promise<void>) {}

  /** `onDispose`: runs after the chat's own end, for a chat that owns its model. */
  static async create(model: Model, options: ChatOptions = {}, onDispose?: () => Promise<void>): Promise<Chat> {
    return new Chat(model, await model.client.call({ op: 'context', nCtx: options.context ?? 0 }), options, onDispose);
  }

  /** What was said, oldest first; the system message is not among it. */
  get messages(): Message[] {
    return this.history.map((h) => h.message);
  }

  /** Says something and waits for the answer. */
  send(text: string, options: TurnOptions = {}): Promise<Figures> {
    return this.stream(text, options).result;
  }

  /** Says something; the answer comes in pieces. A turn that fails or is aborted is as if it had not been said. */
  stream(text: string, options: TurnOptions = {}): AnswerStream<Figures> {
    const { image, images = image === undefined ? [] : [image], ...own } = options;
    const { context: _, ...defaults } = this.options;
    return new AnswerStream({ ...defaults, ...own }, (o, piece) => this.turn(text, images, o, piece));
  }

  private async turn(text: string, images: ImageInput[], options: GenerationOptions, piece: (text: string) => void): Promise<Figures> {
    if (typeof text !== 'string') throw new GalagoError('argument', 'A turn must be a string; its pictures go into the options: send(text, { image })');
    if (this.disposed) throw new GalagoError('argument', 'The chat was disposed of. Create a new one.');
    if (this.busy) throw new GalagoError('argument', 'The chat is answering still. Wait for the answer, or abort it, before the next turn.');
    this.busy = true;
    const kept: Kept[] = [];
    try {
      for (const image of images) kept.push({ kind: 'kept', id: await this.model.keep(image, options.signal) });
      const content: Message['content'] = images.length ? [...images.map((image) => ({ type: 'image' as const, image })), { type: 'text' as const, text }] : text;
      const said = { message: { role: 'user' as const, content }, text, images: kept };
      const turns = [...this.history, said].map((h) => ({ role: h.message.role as 'user' | 'assistant', text: h.text, images: h.images as unknown[], inline: false }));
      if (options.system) turns.unshift({ role: 'system' as 'user', text: options.system, images: [], inline: false });
      const figures = await this.model.answer({ turns, options, context: this.context }, piece);
      if (options.signal?.aborted) throw abortError(options.signal);
      this.history.push(said, { message: { role: 'assistant', content: figures.text }, text: figures.text, images: [] });
      return figures;
    } catch (e) {
      this.release(kept);
      throw e;
    } finally {
      this.busy = false;
    }
  }

  private release(kept: Kept[]): void {
    for (const { id } of kept) void this.model.client.call({ op: 'release', picture: id }).catch(() => undefined);
  }

  /** Begins anew. */
  async reset(): Promise<void> {
    this.release(this.history.flatMap((h) => h.images));
    this.history = [];
    await this.model.client.call({ op: 'context_reset', context: this.context });
  }

  /** Gives the conversation's memory back; the model stays, unless the chat was made with one of its own. */
  async dispose(): Promise<void> {
    if (this.disposed) return;
    this.disposed = true;
    this.release(this.history.flatMap((h) => h.images));
    await this.model.client.call({ op: 'context_destroy', context: this.context }).catch(() => undefined);
    await this.onDispose?.();
  }
}
