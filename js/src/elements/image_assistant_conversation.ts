// The turns of a conversation: asking, stopping, answering again, editing. Knows nothing of the page.

import { GalagoError, type GenerationOptions, type Pipeline } from '../index.js';
import { altText, splitThoughts } from './image_assistant_export.js';
import { Memory } from './image_assistant_memory.js';
import type { AssistantPicture, AssistantTurn } from './image_assistant_types.js';

/** What the conversation needs from where it is held. */
export interface ConversationHost {
  /** The model; waits until it is there. */
  pipeline(signal: AbortSignal): Promise<Pipeline>;
  generation(): GenerationOptions;
  context(): number | undefined;
  /** Each question is asked by itself, about the latest pictures. */
  apart(): boolean;
  /** Turns came or went. */
  turnsChanged(): void;
  /** A turn has more text, or another state. */
  turnChanged(turn: AssistantTurn): void;
  /** Why no words come yet: the model looks (vision) or reads (prefill), so many per cent. */
  stage(turn: AssistantTurn, stage: 'vision' | 'prefill', percent: number): void;
  busyChanged(busy: boolean): void;
  /** An answer came to its end, whatever end. */
  ended(turn: AssistantTurn): void;
}

let serial = 0;

export class Conversation {
  turns: AssistantTurn[] = [];
  private readonly memory = new Memory();
  private running: { turn: AssistantTurn; control: AbortController } | null = null;
  /** Settles when the answer before has let go of the model. */
  private before: Promise<unknown> = Promise.resolve();

  constructor(private readonly host: ConversationHost, private readonly texts: () => { busy: string }) {}

  get busy(): boolean {
    return this.running !== null;
  }

  /** Asks at the end of the conversation; resolves when the answer has ended in whatever way: see `state`. */
  ask(kind: AssistantTurn['kind'], question: string, pictures: readonly AssistantPicture[]): Promise<AssistantTurn> {
    this.mustBeIdle();
    const turn: AssistantTurn = { id: ++serial, kind, question, pictures, answer: '', thoughts: '', state: 'waiting', error: null, figures: null, alt: null };
    this.turns = [...this.turns, turn];
    return this.run(turn, false);
  }

  /** Answers a turn again. Later ones were built on the old answer and go; but where there was none, it is asked again at the end. */
  retry(turn: AssistantTurn): Promise<AssistantTurn> {
    this.mustBeIdle();
    const at = this.turns.indexOf(turn);
    this.turns = turn.answer === '' ? [...this.turns.filter((t) => t !== turn), turn] : this.turns.slice(0, at + 1);
    return this.run(turn, turn.state === 'done');
  }

  /** Asks something else in this place; later turns go. */
  edit(turn: AssistantTurn, question: string): Promise<AssistantTurn> {
    this.mustBeIdle();
    this.turns = this.turns.slice(0, this.turns.indexOf(turn) + 1);
    turn.question = question;
    return this.run(turn, false);
  }

  stop(): void {
    this.running?.control.abort(new DOMException('The answer was stopped.', 'AbortError'));
  }

  clear(): void {
    this.stop();
    this.turns = [];
    this.memory.forget();
    this.host.turnsChanged();
  }
  /** Turns that were cleared. */
  restore(turns: AssistantTurn[]): void {
    this.turns = turns;
    this.host.turnsChanged();
  }

  /** The model goes away, or the conversation does. */
  forget(): void {
    this.memory.forget();
  }

  private mustBeIdle(): void {
    if (this.running) throw new GalagoError('argument', this.texts().busy);
  }

  private async run(turn: AssistantTurn, again: boolean): Promise<AssistantTurn> {
    const control = new AbortController(), { signal } = control;
    Object.assign(turn, { answer: '', thoughts: '', state: 'waiting', error: null, figures: null, alt: null });
    this.running = { turn, control };
    this.host.busyChanged(true);
    this.host.turnsChanged();
    // People who stop an answer are not kept waiting until the device has noticed.
    const stopped = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }));
    const work = this.work(turn, again, signal);
    this.before = work.catch(() => undefined);
    try {
      await Promise.race([work, stopped]);
      turn.state = 'done';
    } catch (error) {
      turn.state = signal.aborted ? 'stopped' : 'failed';
      if (!signal.aborted) turn.error = error instanceof Error ? error : new Error(String(error));
    }
    this.running = null;
    this.host.turnChanged(turn);
    this.host.busyChanged(false);
    this.host.ended(turn);
    return turn;
  }

  private async work(turn: AssistantTurn, again: boolean, signal: AbortSignal): Promise<void> {
    await this.before;
    const vl = await this.host.pipeline(signal);
    signal.throwIfAborted();
    const given = this.host.generation(), think = given.think === true;
    const options: GenerationOptions = {
      ...given, ...(again ? another(given) : {}), signal,
      progress_callback: (event) => {
        given.progress_callback?.(event);
        if (!signal.aborted && (event.status === 'vision' || event.status === 'prefill')) this.host.stage(turn, event.status, event.progress);
      },
    };
    const before = this.turns.slice(0, this.turns.indexOf(turn));
    const stream = await this.memory.ask(vl, before, turn, options, this.host.context(), this.host.apart());
    let text = '';
    for await (const piece of stream) {
      if (signal.aborted) break;
      text += piece;
      Object.assign(turn, splitThoughts(text, think), { state: 'answering' });
      this.host.turnChanged(turn);
    }
    const figures = await stream.result;
    // Stopped in the very moment in which it ended: what the person saw stays.
    signal.throwIfAborted();
    turn.figures = figures;
    Object.assign(turn, splitThoughts(figures.text, think));
    turn.answer = turn.answer.trimEnd();
    if (turn.kind === 'alt' && turn.answer) turn.alt = altText(turn.answer, turn.pictures[0]?.name ?? '');
  }
}

/** Who asks for another answer does not want the same words again, which is what temperature 0 gives. */
function another(given: GenerationOptions): GenerationOptions {
  return given.do_sample !== false && (given.temperature ?? (given.do_sample ? 1 : 0)) > 0 && given.seed === undefined ? {} : { do_sample: true, temperature: 0.7, top_p: given.top_p ?? 0.9, seed: undefined };
}
