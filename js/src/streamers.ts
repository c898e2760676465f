// TextStreamer and the stopping criteria under the names of Transformers.js.

/** Of Transformers.js: is given ids as they are made. */
export interface BaseStreamer {
  put(value: bigint[][]): void;
  end(): void;
}

export interface TextStreamerOptions {
  /** The prompt is never streamed; accepted so that code moves over unchanged. */
  skip_prompt?: boolean;
  skip_special_tokens?: boolean;
  /** Is given each piece of text. Default: standard output, or the console. */
  callback_function?: ((text: string) => void) | null;
  /** Is given the ids of each piece. */
  token_callback_function?: ((ids: bigint[]) => void) | null;
}

function write(text: string): void {
  const out = (globalThis as { process?: { stdout?: { write?(text: string): void } } }).process?.stdout;
  if (out?.write) out.write(text);
  else console.log(text);
}

/** Hands text to a function as it is made: whole characters, in order. */
export class TextStreamer implements BaseStreamer {
  readonly callback_function: (text: string) => void;
  readonly token_callback_function: ((ids: bigint[]) => void) | null;
  constructor(readonly tokenizer: unknown = null, options: TextStreamerOptions = {}) {
    this.callback_function = options.callback_function ?? write;
    this.token_callback_function = options.token_callback_function ?? null;
  }
  put(value: bigint[][]): void {
    if (value[0]) this.token_callback_function?.(value[0]);
  }
  /** Text that will not change any more; the pipeline calls it. */
  put_text(text: string): void {
    this.on_finalized_text(text, false);
  }
  end(): void {
    this.on_finalized_text('', true);
  }
  /** For subclasses. */
  on_finalized_text(text: string, stream_end: boolean): void {
    if (text) this.callback_function(text);
    if (stream_end && this.callback_function === write) write('\n');
  }
}

/** Ids of the answer so far (the prompt's are not among them), one list per answer; one truth value each. */
export type StoppingFunction = (input_ids: number[][], scores: unknown) => boolean[] | boolean;

export class StoppingCriteria {
  _call(_input_ids: number[][], _scores: unknown): boolean[] {
    throw new Error('A StoppingCriteria needs a method _call(input_ids, scores)');
  }
}

/** Stops when `interrupt` is called: the answer ends there and is returned as far as it came. */
export class InterruptableStoppingCriteria extends StoppingCriteria {
  interrupted = false;
  private readonly listeners = new Set<() => void>();
  interrupt(): void {
    this.interrupted = true;
    for (const on of this.listeners) on();
  }
  reset(): void {
    this.interrupted = false;
  }
  override _call(input_ids: number[][]): boolean[] {
    return input_ids.map(() => this.interrupted);
  }
  /** Calls `on` at once when interrupted, also before there is any text; the result ends it. */
  listen(on: () => void): () => void {
    this.listeners.add(on);
    if (this.interrupted) on();
    return () => this.listeners.delete(on);
  }
}

type AnyCriteria = StoppingCriteria | StoppingFunction;
function asList(criteria: AnyCriteria | AnyCriteria[] | null | undefined): AnyCriteria[] {
  if (!criteria) return [];
  const inner = (criteria as { criteria?: AnyCriteria[] }).criteria; // a StoppingCriteriaList of Transformers.js
  return Array.isArray(criteria) ? criteria : Array.isArray(inner) ? inner : [criteria];
}

/** What a call's streamer and criteria need from the worker, and what is to be done with each piece. */
export class Listener {
  private readonly criteria: AnyCriteria[];
  private readonly seen: number[] = [];
  /** Ids are needed beside the text. */
  readonly ids: boolean;
  /** The next token waits for the verdict on this one. */
  readonly lockstep: boolean;
  constructor(private readonly streamer: BaseStreamer | null | undefined, criteria: AnyCriteria | AnyCriteria[] | null | undefined) {
    this.criteria = asList(criteria);
    this.lockstep = this.criteria.length > 0;
    const text = streamer instanceof TextStreamer && !streamer.token_callback_function;
    this.ids = this.lockstep || (!!streamer && !text);
  }
  /** True when the answer is to end. */
  piece(text: string, ids: number[] = []): boolean {
    if (this.streamer) {
      if (ids.length) this.streamer.put([ids.map(BigInt)]);
      const withText = this.streamer as Partial<TextStreamer>;
      if (text) withText.put_text?.(text);
    }
    this.seen.push(...ids);
    return this.criteria.some((c) => [typeof c === 'function' ? c([this.seen], null) : c._call([this.seen], null)].flat().some(Boolean));
  }
  end(): void {
    this.streamer?.end();
  }
  /** Interrupts from outside; the result takes the listening back. */
  listen(interrupt: () => void): () => void {
    const off = this.criteria.map((c) => (c instanceof InterruptableStoppingCriteria ? c.listen(interrupt) : null));
    return () => off.forEach((f) => f?.());
  }
}
