// The camera's loop: look, ask, show, look again, at the pace that the device allows. Knows neither camera nor page nor model.
import { changed } from './camera_change.js';

/** still: nothing changed, so nothing is asked. hidden: nobody is looking. */
export type LoopState = 'off' | 'looking' | 'still' | 'hidden';

export interface Seen<Picture> {
  picture: Picture;
  small: Uint8Array;
}
export interface LoopOptions<Picture> {
  /** Resolves when questions can be asked; a rejection ends the loop. */
  ready(): Promise<void>;
  /** What the camera sees now; null while it shows nothing. */
  look(): Seen<Picture> | null;
  ask(picture: Picture, signal: AbortSignal, piece: (text: string) => void): Promise<string>;
  onpiece(text: string): void;
  onanswer(text: string): void;
  onstate(state: LoopState): void;
  /** The loop has ended by itself. */
  onproblem(error: unknown): void;
  wait?(ms: number): Promise<void>;
  now?(): number;
}

/** Between looks while nothing changes, and after a question that failed. */
const STILL_MS = 400, FAILED_MS = 1000;
/** After an answer: words that change faster cannot be read. */
const REST_MS = 300;
const FAILURES = 3;
/** The pace is told from so many answers. */
const PACE = 10;

export class Loop<Picture> {
  state: LoopState = 'off';
  private serial = 0;
  private hidden = false;
  private last: Uint8Array | null = null;
  private control: AbortController | null = null;
  private readonly ends: number[] = [];
  private readonly wait: (ms: number) => Promise<void>;
  private readonly now: () => number;

  constructor(private readonly options: LoopOptions<Picture>) {
    this.wait = options.wait ?? ((ms) => new Promise((resolve) => setTimeout(resolve, ms)));
    this.now = options.now ?? (() => performance.now());
  }

  /** Answers a minute, while they come without a rest; null before there are two. */
  get pace(): number | null {
    const first = this.ends[0], last = this.ends.at(-1);
    return first === undefined || last === undefined || last <= first ? null : ((this.ends.length - 1) * 60e3) / (last - first);
  }

  start(): void {
    if (this.state !== 'off') return;
    this.last = null;
    this.ends.length = 0;
    const mine = ++this.serial;
    this.turn(this.hidden ? 'hidden' : 'looking');
    void this.run(mine).catch((error: unknown) => {
      if (mine !== this.serial) return;
      this.stop();
      this.options.onproblem(error);
    });
  }

  stop(): void {
    this.serial++;
    this.control?.abort();
    this.turn('off');
  }

  /** Another question: what is being answered is left, and the same picture is asked about again. */
  again(): void {
    this.last = null;
    this.control?.abort();
  }

  /** Nobody looks, or somebody does again. */
  hide(hidden: boolean): void {
    this.hidden = hidden;
    if (hidden) this.control?.abort();
  }

  private turn(state: LoopState): void {
    // A rest would make the pace look slow.
    if (state !== 'looking') this.ends.length = 0;
    if (this.state === state) return;
    this.state = state;
    this.options.onstate(state);
  }

  private async run(mine: number): Promise<void> {
    let failures = 0;
    while (mine === this.serial) {
      if (this.hidden) {
        this.turn('hidden');
        await this.wait(STILL_MS);
        continue;
      }
      await this.options.ready();
      if (mine !== this.serial) return;
      const seen = this.options.look();
      if (!seen || !changed(this.last, seen.small)) {
        if (seen) this.turn('still');
        await this.wait(STILL_MS);
        continue;
      }
      this.turn('looking');
      const control = (this.control = new AbortController());
      try {
        const text = await this.options.ask(seen.picture, control.signal, (piece) => {
          if (!control.signal.aborted) this.options.onpiece(piece);
        });
        if (control.signal.aborted || mine !== this.serial) continue;
        this.last = seen.small;
        failures = 0;
        this.ends.push(this.now());
        if (this.ends.length > PACE) this.ends.shift();
        this.options.onanswer(text);
        await this.wait(REST_MS);
      } catch (error) {
        if (control.signal.aborted) continue;
        if (++failures >= FAILURES) throw error;
        await this.wait(FAILED_MS);
      }
    }
  }
}
