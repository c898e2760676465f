// Who gives the words: a pipeline of the page's, a model of our own, or a function instead of a model.

import { GalagoError, pipeline, type Figures, type ImageInput, type TextPipeline } from '../index.js';
import type { AltAnswer, AltRequest, Settings } from './auto_alt_options.js';
import { promptFor } from './auto_alt_text.js';

/** The model could not be had: that ends all, where a picture that fails ends nothing. */
export class NoModel extends Error {
  constructor(override readonly cause: unknown) {
    super('no model');
  }
}

export class Describer {
  private opened: Promise<TextPipeline> | null = null;
  constructor(private readonly settings: Settings, private readonly signal: AbortSignal) {}

  /** Asked for when the first picture needs it: a page without one downloads nothing. */
  private open(): Promise<TextPipeline> {
    const { pipeline: given, model, open } = this.settings;
    const isReady = typeof given === 'function' && 'task' in given;
    this.opened ??= (async () => {
      if (!given) return pipeline('image-to-text', model, { ...open, signal: this.signal });
      const vl = await (typeof given === 'function' && !isReady ? (given as () => TextPipeline | Promise<TextPipeline>)() : (given as TextPipeline | Promise<TextPipeline>));
      if (typeof vl !== 'function' || vl.task.endsWith('question-answering')) throw new GalagoError('argument', 'autoAlt: pipeline must be one of the task image-to-text or image-text-to-text');
      return vl;
    })();
    return this.opened;
  }

  async answer(request: Omit<AltRequest, 'prompt'>, again: (first: ImageInput) => Promise<ImageInput | null>): Promise<{ text: string; figures: Figures | null }> {
    const { describe, prompt, generation, max_length } = this.settings;
    if (describe) return shape(await describe({ ...request, prompt: promptFor('', prompt, request.language) }));
    const vl = await this.open().catch((e: unknown) => {
      throw new NoModel(e);
    });
    // A token is hardly ever less than two characters, but in scripts where it is one.
    const max_new_tokens = Math.min(512, Math.max(32, Math.ceil(max_length * 0.6)));
    const options = { max_new_tokens, ...generation, prompt: promptFor(vl.model, prompt, request.language), signal: request.signal };
    const image = await request.read();
    try {
      return shape((await vl(image, options))[0]!);
    } catch (e) {
      const second = request.signal.aborted || !(e instanceof GalagoError) || !['format', 'network', 'io', 'unsupported'].includes(e.code) ? null : await again(image);
      if (second === null) throw e;
      return shape((await vl(second, options))[0]!);
    }
  }

  /** Closes a model of our own; what the page gave is the page's. */
  async close(): Promise<void> {
    const { opened } = this;
    if (!opened || this.settings.pipeline) return;
    this.opened = null;
    const vl = await opened.catch(() => null);
    await vl?.dispose();
  }
}

function shape(answer: AltAnswer): { text: string; figures: Figures | null } {
  if (typeof answer === 'string') return { text: answer, figures: null };
  if (typeof answer?.text !== 'string') throw new GalagoError('argument', 'autoAlt: describe must give a text, or an answer with one');
  return { text: answer.text, figures: answer.token_ids ? (answer as Figures) : null };
}
