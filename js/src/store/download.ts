// One file from its addresses into a part of the store: several Range requests at once, each taken up again at the byte
// where it broke, one whole stream where the server knows no ranges.
import { GalagoError } from '../errors.js';
import { Refused, Transient, backOff, fromServer, lengthOf, send, sleep, versionOf, type Answer, type Net } from './http.js';
import { addRange, endOfRange, missingRanges, rangesSize, type Ranges } from './ranges.js';
import { bytesText } from './space.js';
import type { FileRecord, Part } from './store.js';
import type { ModelFile } from './types.js';
import { Verifier, type MakeHasher, type Stretch } from './verify.js';

/** A bound on requests under way, shared by all files of a model. */
export class Slots {
  private waiting: (() => void)[] = [];
  constructor(private free: number) {}
  async take(): Promise<void> {
    if (this.free > 0) this.free--;
    else await new Promise<void>((go) => this.waiting.push(go));
  }
  give(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.free++;
  }
}

export interface Download {
  file: ModelFile;
  part: Part;
  record: FileRecord;
  net: Net;
  slots: Slots;
  connections: number;
  pieceSize: number;
  makeHasher: MakeHasher | undefined;
  /** Keeps the record; called about twice a second. */
  save(record: FileRecord): Promise<void>;
  onBytes(loaded: number, total: number): void;
  arrived(offset: number, bytes: Uint8Array): void;
}

/** The file is not the one whose beginning is here. */
class Changed extends Error {}

/** An address and the stretch of the file that it gives. */
interface Source {
  url: string;
  start: number;
  /** -1 while unknown; only a single source may be. */
  size: number;
  sha256: string | undefined;
  /** Whether it answers ranges: known after the first answer, for which the others wait. */
  ranged: boolean | undefined;
  asked: Promise<void> | undefined;
  /** Without ranges: the one item that brings everything. */
  carrier: Item | undefined;
  ignored: number;
}

interface Item {
  source: Source;
  start: number;
  end: number; // Infinity: to the end, wherever that is
}

/** How often the record is written: what a killed worker loses. */
const SAVE_MS = 500;

export class FileDownload {
  private sources: Source[] = [];
  private items: Item[] = [];
  /** Failures since a byte came. */
  private failures = 0;
  private stop = new AbortController();
  private saved = Date.now();
  private saving: Promise<void> | undefined;
  private verifier!: Verifier;

  constructor(private readonly d: Download) {}

  /** Resolves when the file is whole and its sums are right; the part is then still open. */
  async run(): Promise<void> {
    const { d } = this;
    let changes = 0, wrong = 0;
    for (;;) {
      this.plan();
      try {
        await this.fetchAll();
        const bad = await this.verifier.check(this.size());
        await this.save();
        if (!bad) return;
        await d.part.forget(bad.start, bad.end);
        await this.save();
        if (++wrong > 1) {
          throw new GalagoError('network', `${d.file.name}: bytes ${bad.start} to ${bad.end} arrived damaged twice: SHA-256 is ${bad.found}, expected ${bad.sha256}; the server's copy is damaged or was replaced: load the model again with {refresh: true}, or from elsewhere`);
        }
      } catch (e) {
        if (!(e instanceof Changed)) throw e;
        if (++changes > 3) throw new GalagoError('network', `${d.file.name}: it changed on the server four times while it was fetched; try again when it is at rest`);
        await d.part.forget(0, Infinity);
        Object.assign(d.record, { ranges: [], etag: undefined, size: d.file.sha256 || d.file.parts ? d.record.size : -1 });
        await this.save();
      }
    }
  }

  private size(): number {
    return this.d.record.size;
  }

  private plan(): void {
    const { file, record, part, pieceSize } = this.d;
    this.stop = new AbortController();
    let start = 0;
    const from = file.parts ?? [{ url: file.url!, size: record.size, sha256: file.sha256 }];
    this.sources = from.map((p) => {
      const s: Source = { url: p.url, start, size: p.size, sha256: p.sha256, ranged: undefined, asked: undefined, carrier: undefined, ignored: 0 };
      start += p.size;
      return s;
    });
    // Sums of the parts say all that the file's own would.
    const stretches: Stretch[] = this.sources.every((s) => s.sha256)
      ? this.sources.map((s) => ({ start: s.start, end: s.size < 0 ? -1 : s.start + s.size, sha256: s.sha256! }))
      : file.sha256 ? [{ start: 0, end: record.size, sha256: file.sha256 }] : [];
    this.verifier = new Verifier(stretches, part, this.d.makeHasher);
    this.items = [];
    for (const source of this.sources) {
      const end = source.size < 0 ? Infinity : source.start + source.size;
      if (source.size < 0 || !fromServer(source.url)) {
        const item: Item = { source, start: endOfRange(part.ranges, source.start), end };
        if (!fromServer(source.url)) Object.assign(source, { ranged: false, carrier: item });
        this.items.push(item);
        continue;
      }
      const here: Ranges = [];
      addRange(here, 0, source.start);
      for (let i = 0; i < part.ranges.length; i += 2) addRange(here, part.ranges[i]!, part.ranges[i + 1]!);
      const missing = missingRanges(here, end);
      for (let i = 0; i < missing.length; i += 2) {
        for (let at = missing[i]!; at < missing[i + 1]!; at += pieceSize) this.items.push({ source, start: at, end: Math.min(at + pieceSize, missing[i + 1]!) });
      }
    }
  }

  private async fetchAll(): Promise<void> {
    const { d } = this;
    const outer = d.net.signal;
    const onAbort = () => this.stop.abort(outer?.reason);
    if (outer?.aborted) onAbort();
    outer?.addEventListener('abort', onAbort, { once: true });
    let first: { error: unknown } | undefined;
    const work = async (): Promise<void> => {
      try {
        for (;;) {
          await d.slots.take();
          try {
            const item = this.stop.signal.aborted ? undefined : this.items.shift();
            if (!item) return;
            await this.fetchItem(item);
          } finally {
            d.slots.give();
          }
        }
      } catch (error) {
        // What fails first is told; the others are then stopped and fail with that.
        first ??= { error };
        this.stop.abort(error);
      }
    };
    await Promise.all(Array.from({ length: Math.max(1, Math.min(d.connections, this.items.length)) }, work));
    outer?.removeEventListener('abort', onAbort);
    const saving = await this.saving?.then(() => undefined, (error: unknown) => ({ error }));
    first ??= saving;
    if (!first && !outer?.aborted) return;
    // What came is kept as far as it can be; that it cannot is not told in the place of what went wrong first.
    if (!(first?.error instanceof Changed)) await this.save().catch(() => {});
    throw outer?.aborted ? outer.reason : first?.error;
  }

  /** Fetches one item to its end, again and again from where it broke. */
  private async fetchItem(item: Item): Promise<void> {
    const { d } = this, { source } = item;
    const net = { ...d.net, signal: this.stop.signal };
    while (item.start < item.end) {
      // The first request tells whether the server knows ranges; the others wait for its headers.
      if (source.ranged === undefined && source.asked) {
        await source.asked;
        continue;
      }
      if (source.ranged === false && source.carrier !== item) return;
      let answered = (): void => {};
      if (source.ranged === undefined) source.asked = new Promise((go) => (answered = go));
      try {
        await this.attempt(net, item, answered);
      } catch (e) {
        if (this.stop.signal.aborted) throw this.stop.signal.reason;
        if (!(e instanceof Transient)) throw e;
        if (++this.failures > d.net.retries) {
          const { size } = d.record;
          throw new GalagoError('network', `${d.file.name}: the download stopped at ${bytesText(rangesSize(d.part.ranges))}${size >= 0 ? ` of ${bytesText(size)}` : ''}: ${e.message}, ${this.failures} times in a row; check the connection and try again: what has arrived is kept`, { cause: e });
        }
        await sleep(backOff(d.net, this.failures - 1, e.wait), this.stop.signal);
      } finally {
        source.asked = undefined;
        answered();
      }
    }
  }

  /** The first missing byte from `at` on. */
  private next(at: number): number {
    return endOfRange(this.d.part.ranges, at);
  }

  private async attempt(net: Net, item: Item, answered: () => void): Promise<void> {
    const { d } = this, { source } = item;
    const whole = source.ranged === false;
    const from = item.start - source.start;
    const to = item.end === Infinity ? from + d.pieceSize : item.end - source.start;
    const headers: Record<string, string> = whole ? {} : { range: `bytes=${from}-${to - 1}` };
    let a: Answer;
    try {
      a = await send(net, source.url, headers);
    } catch (e) {
      if (!(e instanceof Refused)) throw e;
      const advice = e.status === 401 || e.status === 403 ? 'pass a token that may read it' : e.status === 404 ? 'it is not there (any more): load the model again with {refresh: true}' : 'check the address';
      throw new GalagoError('network', `${d.file.name}: ${e.message}; ${advice}`, { cause: e });
    }
    try {
      const { response } = a;
      this.checkVersion(source, response);
      const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '');
      if (response.status === 416) {
        if (from > 0) throw new Changed();
        this.learnSize(source, 0); // no byte 0: the file is empty
        item.end = item.start;
        return;
      }
      if (response.status === 206) {
        source.ranged = true;
        if (range && Number(range[1]) !== from) throw new Transient(`the server sent bytes from ${range[1]} on for those from ${from}`);
        if (range && range[2] !== '*') this.learnSize(source, Number(range[2]));
        else if (source.size < 0) {
          // Another origin that hides the size: a short answer is the end, a full one says nothing.
          const length = lengthOf(response);
          if (length >= 0 && length < to - from) this.learnSize(source, from + length);
          else {
            source.ranged = false;
            source.carrier = item;
            return;
          }
        }
        if (item.end === Infinity) this.split(item, source.start + to);
        answered();
        await this.consume(a, item.start, item.end, item);
        return;
      }
      // 200: everything from the first byte on.
      if (!whole && source.ranged && ++source.ignored < 3) throw new Transient('the server ignored the range asked for');
      if (source.ranged === undefined) {
        source.ranged = false;
        // This answer brings it all, also what other items were to bring.
        source.carrier = item;
        item.start = this.next(source.start);
        item.end = source.size < 0 ? Infinity : source.start + source.size;
      }
      if (source.size >= 0 && !response.headers.get('content-encoding')) {
        const length = lengthOf(response);
        // A length that a page may read can be that of a compressed answer; a larger one cannot.
        if (length > source.size) this.learnSize(source, length);
      }
      answered();
      await this.consume(a, source.start, item.end, item);
    } finally {
      a.close();
    }
  }

  /** A file that changed between two answers, where nothing better than its ETag tells. If-Range would ask the same of
   * the server, but a page may send it to another origin only where that origin's preflight allows it, and few do. */
  private checkVersion(source: Source, response: Response): void {
    const { record, file } = this.d;
    // With a sum the sum decides: mirrors of one file may differ in their ETags.
    if (source.sha256 || file.sha256 || file.parts) return;
    const seen = versionOf(response);
    if (record.etag && seen && seen !== record.etag) throw new Changed();
    if (seen) record.etag = seen;
  }

  private learnSize(source: Source, size: number): void {
    const { record, file } = this.d;
    if (source.size === size) return;
    if (source.size >= 0) {
      if (file.sha256 || file.parts || source.sha256) {
        throw new GalagoError('network', `${file.name}: the server has ${size} bytes of ${source.url}, expected ${source.size}; it was replaced: load the model again with {refresh: true}`);
      }
      throw new Changed();
    }
    source.size = size;
    record.size = size;
    file.size = size;
  }

  /** The size has become known: cuts the rest of an open item into items of their own. */
  private split(item: Item, end: number): void {
    const { source } = item, last = source.start + source.size;
    item.end = Math.min(end, last);
    for (let at = item.end; at < last; at += this.d.pieceSize) this.items.push({ source, start: at, end: Math.min(at + this.d.pieceSize, last) });
  }

  /** Writes what of an answer is missing; its bytes begin at `at` of the file, those from `end` on are not wanted. */
  private async consume(a: Answer, at: number, end: number, item: Item): Promise<void> {
    const { part, record } = this.d, { source } = item;
    for await (const chunk of a.chunks()) {
      const stop = Math.min(at + chunk.length, end);
      for (let p = at; p < stop; ) {
        const here = this.next(p);
        if (here > p) {
          p = Math.min(here, stop);
          continue;
        }
        // Up to the next byte that is here already.
        let q = stop;
        for (let i = 0; i < part.ranges.length; i += 2) if (part.ranges[i]! > p) { q = Math.min(q, part.ranges[i]!); break; }
        const bytes = chunk.subarray(p - at, q - at);
        this.verifier.take(p, bytes);
        this.d.arrived(p, bytes);
        const written = part.write(p, bytes);
        if (written) await written;
        p = q;
      }
      at += chunk.length;
      if (stop > item.start) item.start = stop;
      this.failures = 0;
      this.d.onBytes(rangesSize(part.ranges), record.size);
      if (Date.now() - this.saved >= SAVE_MS && !this.saving) {
        this.saving = this.save(false).finally(() => (this.saving = undefined));
        this.saving.catch((e: unknown) => this.stop.abort(e));
      }
      if (at >= end) break;
    }
    if (end === Infinity) {
      // Without a size the end of the answer is the end of the file, where its length does not say otherwise.
      const length = a.response.headers.get('content-encoding') ? -1 : lengthOf(a.response);
      if (length >= 0 && at - source.start < length) throw new Transient(`the connection ended after ${at - source.start} of ${length} bytes`);
      this.learnSize(source, at - source.start);
      item.end = item.start = at;
    } else if (at < end) {
      throw new Transient(`the connection ended at byte ${at} of ${end}`);
    }
    if (source.ranged) void this.verifier.catchUp().catch((e: unknown) => this.stop.abort(e));
  }

  private async save(everything = true): Promise<void> {
    const { record, part } = this.d;
    this.saved = Date.now();
    record.ranges = await part.checkpoint(everything);
    await this.d.save(record);
  }
}
