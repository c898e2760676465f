// The origin private file system through synchronous access handles: the store of a dedicated worker. Data files are
// written in place at any offset; records lie in two files of which the newer sound one counts.
import { GalagoError } from '../errors.js';
import { exclusive } from './locks.js';
import { addRange, removeRange, type Ranges } from './ranges.js';
import { blobReader, handleReader, type SyncHandle } from './readers.js';
import { fullError, sleepTurn, spaceOfOrigin } from './space.js';
import { sha256 } from './sha256.js';
import type { Part, Records, Store } from './store.js';

interface SyncFileHandle extends FileSystemFileHandle {
  createSyncAccessHandle(o?: { mode: 'read-only' | 'readwrite' }): Promise<SyncHandle>;
}

export const isNamed = (e: unknown, name: string): boolean => (e as { name?: unknown } | null)?.name === name;

/** The value, or undefined where the entry does not exist (or is a folder in the place of a file). */
export async function orMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (e) {
    if (isNamed(e, 'NotFoundError') || isNamed(e, 'TypeMismatchError')) return undefined;
    throw e;
  }
}

/** "folder/name" of a key; a key without a folder is a mistake of the caller. */
export function splitKey(key: string): [folder: string, name: string] {
  const at = key.indexOf('/');
  return [key.slice(0, at), key.slice(at + 1)];
}

async function lock(file: FileSystemFileHandle): Promise<SyncHandle | undefined> {
  try {
    return await (file as SyncFileHandle).createSyncAccessHandle();
  } catch (e) {
    if (isNamed(e, 'NoModificationAllowedError')) return undefined;
    throw e;
  }
}

const encoder = new TextEncoder();

/** Records as text with a sum before it: a write that did not end is seen as no record. */
export function packRecord(seq: number, value: unknown): Uint8Array {
  const text = `${seq}\n${JSON.stringify(value)}`;
  return encoder.encode(`${sha256(encoder.encode(text))}\n${text}`);
}

export function unpackRecord(text: string): { seq: number; value: unknown } | undefined {
  const sum = text.slice(0, 64), rest = text.slice(65), line = rest.indexOf('\n');
  if (line < 0 || sha256(encoder.encode(rest)) !== sum) return undefined;
  return { seq: Number(rest.slice(0, line)), value: JSON.parse(rest.slice(line + 1)) as unknown };
}

class OpfsRecords implements Records {
  constructor(private readonly folder: FileSystemDirectoryHandle) {}

  private async slots(key: string): Promise<({ seq: number; value: unknown } | undefined)[]> {
    return Promise.all(['.0', '.1'].map(async (slot) => {
      const file = await orMissing(this.folder.getFileHandle(key.replace('/', '~') + slot));
      // A file that another tab is writing may be unreadable for that moment; the other slot holds.
      return file ? unpackRecord(await file.getFile().then((f) => f.text()).catch(() => '')) : undefined;
    }));
  }

  async get(key: string): Promise<unknown> {
    const [a, b] = await this.slots(key);
    return ((a?.seq ?? -1) > (b?.seq ?? -1) ? a : b)?.value;
  }

  async put(key: string, value: unknown): Promise<void> {
    const [a, b] = await this.slots(key);
    const seq = Math.max(a?.seq ?? 0, b?.seq ?? 0) + 1;
    const older = (a?.seq ?? -1) <= (b?.seq ?? -1) ? '.0' : '.1';
    const file = await this.folder.getFileHandle(key.replace('/', '~') + older, { create: true });
    for (let n = 0; ; n++) {
      const handle = await lock(file);
      if (handle) {
        try {
          const bytes = packRecord(seq, value);
          handle.truncate(0);
          handle.write(bytes, { at: 0 });
          handle.flush();
        } finally {
          handle.close();
        }
        return;
      }
      if (n === 50) throw new GalagoError('storage', `${key}: its record is held by another tab; close the other tabs of this page`);
      await sleepTurn(20);
    }
  }

  async delete(key: string): Promise<void> {
    for (const slot of ['.0', '.1']) await orMissing(this.folder.removeEntry(key.replace('/', '~') + slot));
  }

  async keys(): Promise<string[]> {
    const found = new Set<string>();
    for await (const name of (this.folder as unknown as { keys(): AsyncIterable<string> }).keys()) {
      if (/\.[01]$/.test(name)) found.add(name.slice(0, -2).replace('~', '/'));
    }
    return [...found];
  }
}

class OpfsPart implements Part {
  readonly ranges: Ranges = [];
  constructor(private readonly name: string, private readonly handle: SyncHandle, ranges: Ranges) {
    const size = handle.getSize();
    for (let i = 0; i < ranges.length; i += 2) addRange(this.ranges, ranges[i]!, Math.min(ranges[i + 1]!, size));
  }

  write(offset: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      let n = 0;
      try {
        n = this.handle.write(done ? bytes.subarray(done) : bytes, { at: offset + done });
      } catch (e) {
        throw fullError(this.name, offset + done, e);
      }
      if (n <= 0) throw fullError(this.name, offset + done, undefined);
      done += n;
    }
    addRange(this.ranges, offset, offset + bytes.length);
  }

  async checkpoint(): Promise<Ranges> {
    this.handle.flush();
    return [...this.ranges];
  }

  read(offset: number, length: number): Uint8Array {
    const out = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const n = this.handle.read(out.subarray(done), { at: offset + done });
      if (n <= 0) throw new GalagoError('storage', `${this.name}: byte ${offset + done} was written and cannot be read back`);
      done += n;
    }
    return out;
  }

  async forget(start: number, end: number): Promise<void> {
    removeRange(this.ranges, start, end);
  }

  async finish(size: number): Promise<void> {
    this.handle.truncate(size);
    this.handle.flush();
    this.handle.close();
  }

  async close(): Promise<void> {
    this.handle.close(); // closing twice is allowed
  }
}

/** A store in this folder of the origin private file system. */
export async function openOpfs(root: FileSystemDirectoryHandle): Promise<Store> {
  const files = await root.getDirectoryHandle('files', { create: true });
  const records = new OpfsRecords(await root.getDirectoryHandle('records', { create: true }));
  const find = async (key: string, create = false): Promise<FileSystemFileHandle | undefined> => {
    const [folder, name] = splitKey(key);
    const at = await orMissing(files.getDirectoryHandle(folder, { create }));
    return at && orMissing(at.getFileHandle(name, { create }));
  };
  return {
    kind: 'opfs',
    records,
    exclusive,
    space: spaceOfOrigin,
    async openPart(key, _size, ranges) {
      const file = await find(key, true);
      if (!file) throw new GalagoError('storage', `${key}: a folder lies in its place in the browser's storage; call cache.clear()`);
      const handle = await lock(file);
      return handle && new OpfsPart(splitKey(key)[1], handle, ranges);
    },
    async has(key, size) {
      const file = await find(key);
      return file !== undefined && (await file.getFile()).size === size;
    },
    async open(key, name, size) {
      const file = await find(key);
      if (!file) throw new GalagoError('storage', `${name}: its stored copy is gone; load the model again`);
      try {
        // Readers in several tabs share the file where the mode is known; elsewhere the first one has it alone.
        const reader = handleReader(name, await (file as SyncFileHandle).createSyncAccessHandle({ mode: 'read-only' }));
        if (reader.size === size) return reader;
        reader.close();
        throw new GalagoError('storage', `${name}: its stored copy has ${reader.size} of ${size} bytes; remove it with cache.remove() and load again`);
      } catch (e) {
        if (!isNamed(e, 'NoModificationAllowedError')) throw e;
        return blobReader(name, await file.getFile());
      }
    },
    async remove(key) {
      const [folder, name] = splitKey(key);
      const at = await orMissing(files.getDirectoryHandle(folder));
      try {
        if (at) await orMissing(at.removeEntry(name));
      } catch (e) {
        if (isNamed(e, 'NoModificationAllowedError')) throw new GalagoError('storage', `${name}: a tab of this page has it open; close that tab or dispose of its model first`, { cause: e });
        throw e;
      }
      // An empty folder goes too; one that holds other files refuses.
      await files.removeEntry(folder).catch(() => {});
    },
    async clear() {
      for (const folder of ['files', 'records']) {
        const at = await root.getDirectoryHandle(folder, { create: true });
        const names: string[] = [];
        for await (const name of (at as unknown as { keys(): AsyncIterable<string> }).keys()) names.push(name);
        for (const name of names) {
          try {
            await orMissing(at.removeEntry(name, { recursive: true }));
          } catch (e) {
            throw new GalagoError('storage', `${name}: it is in use and was not removed; close the other tabs of this page first`, { cause: e });
          }
        }
      }
    },
  };
}
