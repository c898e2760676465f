// One row's question to the page's model.
import type { Figures, TextPipeline } from 'galago';
import { explain, kindOf } from '../errors.js';
import { t } from '../i18n.js';
import { model } from '../model.js';
import { generationOf, promptOf, type Preset } from './batch_prompts.js';
import { RunProblem, type Answered, type Hooks, type Row, type RowFigures } from './batch_queue.js';
import { SourceError, type Sources } from './batch_sources.js';

/** A model that is changed under a row's answer is asked again, but not for ever. */
const TRIES = 3;

function figuresOf(vl: TextPipeline, f: Figures): RowFigures {
  const { finish_reason, prompt_tokens, completion_tokens, image_tokens, token_ids, timings, memory } = f;
  return {
    model: vl.info.name, device: vl.info.device, finish_reason, prompt_tokens, completion_tokens, image_tokens, token_ids, timings: { ...timings },
    memory: { weights_bytes: vl.info.weights_bytes, ...memory },
  };
}

async function pipeline(): Promise<TextPipeline> {
  try {
    return await model.pipeline();
  } catch (error) {
    throw new RunProblem(explain(error).text);
  }
}

async function picture(row: Row, sources: Sources): Promise<Blob> {
  try {
    return await sources.open(row);
  } catch (error) {
    throw error instanceof SourceError ? new Error(t(`batch.source_${error.reason}`)) : error;
  }
}

/** In the person's language. That of a picture is another than that of a model's file. */
function inWords(error: unknown): Error {
  const kind = kindOf(error), { text, detail } = explain(error);
  if (kind === 'format' || kind === 'io') return new Error(t(`batch.row_${kind}`), { cause: error });
  return new Error(kind === 'internal' || kind === 'argument' ? `${text} (${detail})` : text, { cause: error });
}

export async function askModel(row: Row, hooks: Hooks, sources: Sources, question: () => { preset: Preset; own: string }): Promise<Answered> {
  const blob = await picture(row, sources);
  for (let tries = 1; ; tries++) {
    const vl = await pipeline();
    hooks.signal.throwIfAborted();
    hooks.begin();
    const { preset, own } = question(), prompt = promptOf(preset, own, model.choice);
    try {
      const stream = vl.stream(blob, { ...generationOf(preset), prompt, signal: hooks.signal });
      let text = '';
      for await (const piece of stream) hooks.piece((text += piece));
      const figures = await stream.result;
      return { text: figures.text.trim(), prompt, figures: figuresOf(vl, figures) };
    } catch (error) {
      if (hooks.signal.aborted) throw error;
      model.report(error);
      const changed = model.state !== 'ready' || (await pipeline()) !== vl;
      if (!changed || tries >= TRIES) throw inWords(error);
    }
  }
}
