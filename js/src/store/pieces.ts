// Stores that cannot write into the middle of a file: the Cache API, and OPFS where synchronous handles are missing. A
// file is kept as pieces named by their bytes; each piece is written whole or not at all.
import { GalagoError } from '../errors.js';
import { exclusive } from './locks.js';
import { orMissing, packRecord, splitKey, unpackRecord } from './opfs.js';
import { addRange, rangesSize, removeRange, type Ranges } from './ranges.js';
import { blobReader } from './readers.js';
import { fullError, spaceOfOrigin } from './space.js';
import type { Part, Records, Store } from './store.js';

/** Where pieces lie. */
export interface PieceBox {
  put(key: string, piece: string, bytes: Blob): Promise<void>;
  get(key: string, piece: string): Promise<Blob | undefined>;
  /** Names of a key's pieces. */
  names(key: string): Promise<string[]>;
  delete(key: string, piece: string): Promise<void>;
  deleteAll(key: string): Promise<void>;
  clear(): Promise<void>;
}

interface Piece {
  start: number;
  end: number;
}

const nameOf = (p: Piece): string => `${p.start}-${p.end}`;

async function piecesOf(box: PieceBox, key: string): Promise<Piece[]> {
  const out: Piece[] = [];
  for (const name of await box.names(key)) {
    const m = /^(\d+)-(\d+)$/.exec(name);
    if (m && Number(m[1]) < Number(m[2])) out.push({ start: Number(m[1]), end: Number(m[2]) });
  }
  return out.sort((a, b) => a.start - b.start || b.end - a.end);
}

/** A run is brought to the store when it has the size of a PIECE; sooner, for the sake of a worker that is killed, when it
 * has waited a second and is not SMALL, which bounds the number of pieces, or when it has waited long. */
const PIECE = 4 << 20, SMALL = 128 << 10, HELD_MS = 1000, LONG_MS = 5000;

interface Run extends Piece {
  chunks: Uint8Array[];
  since: number;
}

class PiecesPart implements Part {
  readonly ranges: Ranges = [];
  private runs: Run[] = [];
  /** On their way to the store; until they are there they are read from here. */
  private readonly leaving = new Set<Run>();
  private readonly stored: Ranges = [];

  constructor(private readonly box: PieceBox, private readonly key: string, private pieces: Piece[]) {
    for (const p of pieces) {
      addRange(this.ranges, p.start, p.end);
      addRange(this.stored, p.start, p.end);
    }
  }

  write(offset: number, bytes: Uint8Array): void | Promise<void> {
    let run = this.runs.find((r) => r.end === offset);
    if (!run) {
      run = { start: offset, end: offset, chunks: [], since: Date.now() };
      this.runs.push(run);
    }
    run.chunks.push(bytes);
    run.end += bytes.length;
    addRange(this.ranges, offset, run.end);
    if (run.end - run.start >= PIECE) return this.store(run);
  }

  private async store(run: Run): Promise<void> {
    const { start, end } = run;
    this.runs = this.runs.filter((r) => r !== run);
    this.leaving.add(run);
    try {
      await this.box.put(this.key, nameOf(run), new Blob(run.chunks as BlobPart[]));
    } catch (e) {
      this.leaving.delete(run);
      removeRange(this.ranges, start, end);
      throw fullError(splitKey(this.key)[1], start, e);
    }
    this.leaving.delete(run);
    this.pieces.push({ start, end });
    addRange(this.stored, start, end);
  }

  async checkpoint(everything: boolean): Promise<Ranges> {
    const now = Date.now();
    for (const run of [...this.runs]) {
      // A run may have been stored by a write while another one was waited for.
      const waited = now - run.since;
      const due = waited >= LONG_MS || (waited >= HELD_MS && run.end - run.start >= SMALL);
      if (this.runs.includes(run) && (everything || due)) await this.store(run);
    }
    return [...this.stored];
  }

  private async storeAll(): Promise<void> {
    while (this.runs.length) await this.store(this.runs[0]!);
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const out = new Uint8Array(length);
    let at = offset;
    const end = offset + length;
    while (at < end) {
      const run = [...this.runs, ...this.leaving].find((r) => r.start <= at && at < r.end);
      const blob = run && new Blob(run.chunks as BlobPart[]);
      const piece = run ?? this.pieces.find((p) => p.start <= at && at < p.end);
      const from = blob ?? (piece && (await this.box.get(this.key, nameOf(piece))));
      if (!piece || !from) throw new GalagoError('storage', `${splitKey(this.key)[1]}: byte ${at} was written and cannot be read back`);
      const bytes = new Uint8Array(await from.slice(at - piece.start, Math.min(end, piece.end) - piece.start).arrayBuffer());
      if (!bytes.length) throw new GalagoError('storage', `${splitKey(this.key)[1]}: a stored piece is shorter than its name says`);
      out.set(bytes, at - offset);
      at += bytes.length;
    }
    return out;
  }

  /** Whole pieces go, also where they reach further. */
  async forget(start: number, end: number): Promise<void> {
    await this.storeAll();
    for (const p of this.pieces.filter((q) => q.start < end && q.end > start)) {
      await this.box.delete(this.key, nameOf(p));
      removeRange(this.ranges, p.start, p.end);
      removeRange(this.stored, p.start, p.end);
    }
    this.pieces = this.pieces.filter((q) => q.start >= end || q.end <= start);
  }

  async finish(size: number): Promise<void> {
    await this.storeAll();
    if (rangesSize(this.stored) < size) throw new GalagoError('internal', `${this.key}: finished with gaps`);
  }

  async close(): Promise<void> {
    this.runs = [];
  }
}

/** The pieces as one Blob of `size` bytes; undefined where some are missing or shorter than their names. */
async function joined(box: PieceBox, key: string, size: number): Promise<Blob | undefined> {
  const blobs: Blob[] = [];
  let at = 0;
  for (const p of await piecesOf(box, key)) {
    if (p.end <= at || p.start >= size) continue;
    if (p.start > at) return undefined;
    const blob = await box.get(key, nameOf(p));
    if (blob?.size !== p.end - p.start) return undefined;
    blobs.push(p.start === at && p.end <= size ? blob : blob.slice(at - p.start, Math.min(p.end, size) - p.start));
    at = Math.min(p.end, size);
  }
  return at === size ? new Blob(blobs) : undefined;
}

export function piecesStore(kind: 'cache-api' | 'opfs-pieces', box: PieceBox, records: Records): Store {
  return {
    kind,
    records,
    exclusive,
    space: spaceOfOrigin,
    async openPart(key, _size, ranges) {
      const all = await piecesOf(box, key);
      // Pieces of another version, which the record does not know, are not believed. One that was stored after the
      // last record is fetched again and replaced.
      const known = all.filter((p) => {
        const without = [...ranges];
        addRange(without, p.start, p.end);
        return rangesSize(without) === rangesSize(ranges);
      });
      for (const p of all) if (!known.includes(p)) await box.delete(key, nameOf(p));
      return new PiecesPart(box, key, known);
    },
    async has(key, size) {
      let at = 0;
      for (const p of await piecesOf(box, key)) if (p.start <= at) at = Math.max(at, p.end);
      return at === size;
    },
    async open(key, name, size) {
      const blob = await joined(box, key, size);
      if (!blob) throw new GalagoError('storage', `${name}: its stored copy is damaged; remove it with cache.remove() and load again`);
      return blobReader(name, blob);
    },
    remove: (key) => box.deleteAll(key),
    async clear() {
      await box.clear();
      for (const key of await records.keys()) await records.delete(key);
    },
  };
}

// ---- the Cache API: one Cache for the pieces of each file, one for the records ----

const address = (name: string): string => `https://galago.invalid/${encodeURIComponent(name)}`;
const nameIn = (request: Request): string => decodeURIComponent(new URL(request.url).pathname.slice(1));
const octets = { 'content-type': 'application/octet-stream' };

/** Throws where a cache forgets what it was given: in private windows of WebKit, caches that a worker which has ended had
 * opened come back empty, and what is put under an address of before is lost without a word. */
async function checkKept(records: Cache): Promise<void> {
  await records.put(address('check'), new Response(''));
  if (!(await records.match(address('check')))) throw new GalagoError('storage', 'the Cache API of this window keeps nothing');
}

export async function openCacheApi(caches: CacheStorage): Promise<Store> {
  const records = await caches.open('galago');
  await checkKept(records);
  const prefix = 'galago:';
  return piecesStore('cache-api', {
    async put(key, piece, bytes) {
      await (await caches.open(prefix + key)).put(address(piece), new Response(bytes, { headers: octets }));
    },
    async get(key, piece) {
      return (await (await caches.open(prefix + key)).match(address(piece)))?.blob();
    },
    async names(key) {
      // Opening makes an empty cache where there is none.
      return (await caches.has(prefix + key)) ? (await (await caches.open(prefix + key)).keys()).map(nameIn) : [];
    },
    async delete(key, piece) {
      await (await caches.open(prefix + key)).delete(address(piece));
    },
    async deleteAll(key) {
      await caches.delete(prefix + key);
    },
    async clear() {
      for (const name of await caches.keys()) if (name.startsWith(prefix)) await caches.delete(name);
    },
  }, {
    async get(key) {
      const found = await records.match(address(key));
      return found ? ((await found.json().catch(() => undefined)) as unknown) : undefined;
    },
    put: (key, value) => records.put(address(key), new Response(JSON.stringify(value))),
    async delete(key) {
      await records.delete(address(key));
    },
    keys: async () => (await records.keys()).map(nameIn).filter((name) => name !== 'check'),
  });
}

// ---- OPFS through streams: what a shared worker has ----

async function writeWhole(folder: FileSystemDirectoryHandle, name: string, content: Blob | Uint8Array): Promise<void> {
  // A stream's file appears when it is closed, so a record or piece is there whole or not.
  const out = await (await folder.getFileHandle(name, { create: true })).createWritable();
  try {
    await out.write(content as FileSystemWriteChunkType);
  } catch (e) {
    await out.abort().catch(() => {});
    throw e;
  }
  await out.close();
}

async function namesIn(folder: FileSystemDirectoryHandle): Promise<string[]> {
  const names: string[] = [];
  for await (const name of (folder as unknown as { keys(): AsyncIterable<string> }).keys()) names.push(name);
  return names;
}

export async function openOpfsPieces(root: FileSystemDirectoryHandle): Promise<Store> {
  const files = await root.getDirectoryHandle('pieces', { create: true });
  const folder = await root.getDirectoryHandle('piece-records', { create: true });
  const flat = (key: string): string => key.replace('/', '~');
  const at = (key: string, create = false): Promise<FileSystemDirectoryHandle | undefined> => orMissing(files.getDirectoryHandle(flat(key), { create }));
  return piecesStore('opfs-pieces', {
    async put(key, piece, bytes) {
      await writeWhole((await at(key, true))!, piece, bytes);
    },
    async get(key, piece) {
      const file = await orMissing((await at(key))?.getFileHandle(piece) ?? Promise.resolve(undefined));
      return file?.getFile();
    },
    async names(key) {
      const pieces = await at(key);
      return pieces ? namesIn(pieces) : [];
    },
    async delete(key, piece) {
      const pieces = await at(key);
      if (pieces) await orMissing(pieces.removeEntry(piece));
    },
    async deleteAll(key) {
      await orMissing(files.removeEntry(flat(key), { recursive: true }));
    },
    async clear() {
      for (const name of await namesIn(files)) await files.removeEntry(name, { recursive: true });
    },
  }, {
    async get(key) {
      for (let tries = 1; ; tries++) {
        const file = await orMissing(folder.getFileHandle(flat(key)));
        if (!file) return undefined;
        try {
          return unpackRecord(await (await file.getFile()).text())?.value;
        } catch (e) {
          // Another worker wrote the record between the look at it and its reading.
          if (tries === 20 || !['NotFoundError', 'NotReadableError'].includes((e as Error).name)) throw e;
          await new Promise((go) => setTimeout(go, 5));
        }
      }
    },
    put: (key, value) => writeWhole(folder, flat(key), packRecord(0, value)),
    async delete(key) {
      await orMissing(folder.removeEntry(flat(key)));
    },
    keys: async () => (await namesIn(folder)).map((name) => name.replace('~', '/')),
  });
}
