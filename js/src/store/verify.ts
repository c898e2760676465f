// SHA-256 sums of the stretches of a file whose sums are known, computed while the bytes arrive: those that come in
// order as they come, the others from the store.
import { endOfRange } from './ranges.js';
import { Sha256 } from './sha256.js';
import { sleepTurn } from './space.js';
import type { Part } from './store.js';

interface Hasher {
  update(bytes: Uint8Array): unknown;
  digest(encoding: 'hex'): string;
}

/** Node's own hash, several times as fast, where there is one. */
export type MakeHasher = () => Hasher;

export interface Stretch {
  start: number;
  /** -1 while the file's size is unknown. */
  end: number;
  sha256: string;
}

/** Bytes hashed at a time before other tasks may run: about 10 ms of work. */
const STEP = 1 << 20;

export class Verifier {
  private readonly at: { stretch: Stretch; hasher: Hasher; done: number }[];
  private catching: Promise<void> | undefined;

  constructor(stretches: Stretch[], private readonly part: Part, private readonly make: MakeHasher = () => new Sha256()) {
    this.at = stretches.map((stretch) => ({ stretch, hasher: make(), done: stretch.start }));
  }

  /** To be told of all bytes before they are given away. */
  take(offset: number, bytes: Uint8Array): void {
    if (this.catching) return; // it reads them from the store
    for (const a of this.at) {
      if (a.done < offset || a.done >= offset + bytes.length) continue;
      const end = a.stretch.end < 0 ? Infinity : a.stretch.end;
      const piece = bytes.subarray(a.done - offset, Math.max(0, Math.min(bytes.length, end - offset)));
      a.hasher.update(piece);
      a.done += piece.length;
    }
  }

  /** Hashes what is in the store and joins on to what has been hashed. */
  catchUp(): Promise<void> {
    return (this.catching ??= this.run().finally(() => (this.catching = undefined)));
  }

  private async run(): Promise<void> {
    for (const a of this.at) {
      for (;;) {
        const end = a.stretch.end < 0 ? Infinity : a.stretch.end;
        const here = Math.min(endOfRange(this.part.ranges, a.done), a.done + STEP, end);
        if (here <= a.done) break;
        a.hasher.update(await this.part.read(a.done, here - a.done));
        a.done = here;
        await sleepTurn();
      }
    }
  }

  /** The first stretch whose sum is not what it should be; it is started anew. Undefined: all are right. */
  async check(size: number): Promise<(Stretch & { found: string }) | undefined> {
    // A run that is under way may have begun before the last bytes came.
    await this.catching;
    await this.catchUp();
    for (const a of this.at) {
      const end = a.stretch.end < 0 ? size : a.stretch.end;
      if (a.done !== end) throw new Error(`bytes ${a.done} to ${end} were not hashed`);
      const { hasher } = a;
      const found = hasher.digest('hex');
      a.hasher = this.make();
      a.done = a.stretch.start;
      if (found !== a.stretch.sha256.toLowerCase()) return { ...a.stretch, end, found };
      // Sums that are right need no second look, should another stretch have to come again.
      this.at.splice(this.at.indexOf(a), 1);
      return this.check(size);
    }
    return undefined;
  }
}
