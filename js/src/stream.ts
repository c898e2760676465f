// An answer as it is made: pieces to iterate over, and the whole result as a promise.

import { abortError } from './errors.js';
import type { GenerationOptions } from './options.js';

/** Iterate once. Leaving the loop early ends the answer. */
export class AnswerStream<Result> implements AsyncIterable<string> {
  /** The whole result; rejects when the answer fails. */
  readonly result: Promise<Result>;
  private readonly pieces: string[] = [];
  private readonly control = new AbortController();
  private wake: (() => void) | null = null;
  private ended = false;
  private failure: { error: unknown } | null = null;

  /** `run` answers with the options it is given and hands over the pieces. */
  constructor(options: GenerationOptions, run: (options: GenerationOptions, piece: (text: string) => void) => Promise<Result>) {
    const outer = options.signal;
    const onAbort = (): void => this.control.abort(abortError(outer));
    if (outer?.aborted) onAbort();
    else outer?.addEventListener('abort', onAbort, { once: true });
    this.result = run({ ...options, signal: this.control.signal }, (text) => {
      this.pieces.push(text);
      this.wake?.();
    });
    this.result
      .catch((error: unknown) => {
        this.failure = { error };
      })
      .finally(() => {
        outer?.removeEventListener('abort', onAbort);
        this.ended = true;
        this.wake?.();
      });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string, void, undefined> {
    try {
      for (;;) {
        // What waited is one piece: a page that is slow to show it must not fall behind.
        if (this.pieces.length) yield this.pieces.splice(0).join('');
        else if (this.failure) throw this.failure.error;
        else if (this.ended) return;
        else
          await new Promise<void>((resolve) => {
            this.wake = resolve;
          });
      }
    } finally {
      if (!this.ended) this.control.abort(new DOMException('The stream was left.', 'AbortError'));
    }
  }
}
