// Opening a model while its files are still on their way: as soon as their headers are here the GPU is tested and its kernels begin to
// be compiled, and when the last byte has come only the weights are left to do. An attempt: whatever goes wrong, the model is
// opened from the beginning when the files are there, and that tells what is the matter.

import type { Found } from './adapter.js';
import { openTested } from './device.js';
import { Engine, type EngineHost, type OpenParams } from './engine.js';
import { GalagoError } from './errors.js';
import type { Gpu } from './gpu.js';
import { addRange, endOfRange, type Ranges } from './store/ranges.js';
import type { Resolved, SyncReader } from './store/types.js';

/** Bytes of each file with which opening is tried: metadata and a tokenizer of 250,000 words take about ten million. */
const TRIED = [1 << 20, 6 << 20, 24 << 20], MOST = 24 << 20;
/** Bytes that are compared at a time. */
const COMPARED = 1 << 20;

/** The beginning of a file that arrives; later the file. */
export class Head implements SyncReader {
  private bytes: Uint8Array;
  private readonly ranges: Ranges = [];
  private whole: SyncReader | null = null;

  constructor(readonly size: number) {
    this.bytes = new Uint8Array(Math.min(size, MOST));
  }

  /** Whether its first n bytes are here. */
  has(n: number): boolean {
    return this.whole !== null || endOfRange(this.ranges, 0) >= Math.min(n, this.bytes.length);
  }

  take(offset: number, bytes: Uint8Array): void {
    if (offset >= this.bytes.length) return;
    const part = bytes.subarray(0, this.bytes.length - offset);
    this.bytes.set(part, offset);
    addRange(this.ranges, offset, offset + part.length);
  }

  read(offset: number, into: Uint8Array): void {
    if (this.whole) return this.whole.read(offset, into);
    if (offset + into.length > endOfRange(this.ranges, 0)) throw new GalagoError('io', 'these bytes have not arrived');
    into.set(this.bytes.subarray(offset, offset + into.length));
  }

  /** From here on the file. False where it does not begin with what arrived: a download can begin anew with another version. */
  become(file: SyncReader): boolean {
    const here = endOfRange(this.ranges, 0), piece = new Uint8Array(Math.min(here, COMPARED));
    if (file.size !== this.size) return false;
    for (let at = 0; at < here; at += COMPARED) {
      const read = piece.subarray(0, Math.min(COMPARED, here - at));
      file.read(at, read);
      for (let i = 0; i < read.length; i++) if (read[i] !== this.bytes[at + i]) return false;
    }
    this.whole = file;
    this.bytes = new Uint8Array();
    return true;
  }

  /** The reader behind it belongs to whoever opened it. */
  close(): void {}
}

export interface Prepared {
  engine: Engine;
  gpu: Gpu;
}

export class EarlyStart {
  private readonly heads = new Map<string, Head>();
  private attempt: Promise<Prepared | null> | null = null;
  private tries = 0;
  /** Goes on when more has arrived, or nothing will. */
  private more: (() => void) | null = null;
  /** Nothing more arrives, or nobody wants it. */
  private over = false;

  constructor(
    private readonly found: Found,
    private readonly resolved: Resolved,
    private readonly params: OpenParams,
    private readonly module: () => Promise<WebAssembly.Module>,
    private readonly host: Omit<EngineHost, 'files' | 'gpu'>,
  ) {}

  /** Bytes of a file, as obtain() tells of them. */
  arrived(name: string, size: number, offset: number, bytes: Uint8Array): void {
    if (size < 0 || this.over) return;
    let head = this.heads.get(name);
    if (!head) this.heads.set(name, (head = new Head(size)));
    head.take(offset, bytes);
    if ((this.attempt && !this.more) || !this.resolved.files.every((f) => this.heads.get(f.name)?.has(TRIED[this.tries]!))) return;
    if (this.more) this.more();
    else this.attempt = this.prepare().catch(() => null);
  }

  private async prepare(): Promise<Prepared | null> {
    const gpu = await openTested(this.found);
    if (typeof gpu === 'string') return null;
    while (!this.over) {
      let engine: Engine | null = null;
      try {
        engine = await Engine.create(await this.module(), { ...this.host, files: this.heads, gpu });
        await engine.prepare(this.params);
        return { engine, gpu };
      } catch {
        leave(engine);
      }
      if (++this.tries === TRIED.length || this.over || gpu.failure) break;
      await new Promise<void>((resolve) => (this.more = resolve));
      this.more = null;
    }
    await gpu.close();
    return null;
  }

  /** Whether anything was begun: the adapter is then spent. */
  get begun(): boolean {
    return this.attempt !== null;
  }

  /** What was opened, now that the files are there. Null where nothing was, or it is of no use; it is closed then. */
  async finish(files: Map<string, SyncReader>): Promise<Prepared | null> {
    const opened = await this.end();
    if (!opened) return null;
    try {
      let same = true;
      for (const [name, head] of this.heads) same &&= head.become(files.get(name)!);
      if (same && !opened.gpu.failure) return opened;
    } catch {
      // A file that cannot be read says so when it is opened.
    }
    leave(opened.engine);
    await opened.gpu.close();
    return null;
  }

  /** Gives up; resolves when the device has nothing left to say. */
  async close(): Promise<void> {
    const opened = await this.end();
    if (!opened) return;
    leave(opened.engine);
    await opened.gpu.close();
  }

  private end(): Promise<Prepared | null> | null {
    this.over = true;
    this.more?.();
    return this.attempt;
  }
}

function leave(engine: Engine | null): void {
  try {
    engine?.leave();
  } catch {
    // A module that trapped has nothing left to free.
  }
}
