// What a conversation about pictures consists of, as the element gives it out.

import type { Figures } from '../index.js';

/** A picture that a person added. */
export interface AssistantPicture {
  readonly id: number;
  readonly name: string;
  /** The file as it was given; this goes to the model. */
  readonly file: File;
  readonly width: number;
  readonly height: number;
  /** Of the file, for showing it; revoked when the element no longer shows it. */
  readonly url: string;
}

/** Alt text, ready to be pasted. */
export interface AltText {
  /** One line without quotation marks around it. */
  plain: string;
  /** `<img src="…" alt="…">` */
  html: string;
}

/** One question and its answer. */
export interface AssistantTurn {
  readonly id: number;
  readonly kind: 'describe' | 'read' | 'alt' | 'ask';
  question: string;
  /** Those that go with this question; earlier ones stay known to the model. */
  readonly pictures: readonly AssistantPicture[];
  /** Grows while it is made. */
  answer: string;
  /** What the model reasoned before it answered, with `think` alone. */
  thoughts: string;
  state: 'waiting' | 'answering' | 'done' | 'stopped' | 'failed';
  /** Why it failed. */
  error: Error | null;
  /** Of a whole answer. */
  figures: Figures | null;
  /** Of a whole answer to `altText()`. */
  alt: AltText | null;
}

/** A picture to try, offered before the first one is added. */
export interface AssistantSample {
  src: string;
  name: string;
  alt: string;
  /** Offered while it is the only picture, in place of the general `examples`. */
  questions?: readonly string[];
}
