// The store of Node.js: a folder of plain files, which the native program opens too. `NAME.part` is a file on its way,
// `NAME` a finished one; records lie in `records/`.
import { GalagoError } from '../errors.js';
import { splitKey } from './opfs.js';
import { addRange, removeRange, type Ranges } from './ranges.js';
import { checkRead } from './readers.js';
import { fullError, sleepTurn } from './space.js';
import type { Part, Store } from './store.js';
import type { SyncReader } from './types.js';

type Fs = typeof import('node:fs');
type Path = typeof import('node:path');
type Os = typeof import('node:os');
type Url = typeof import('node:url');
type Crypto = typeof import('node:crypto');

export interface NodeModules {
  fs: Fs;
  path: Path;
  os: Os;
  url: Url;
  crypto: Crypto;
}

interface ProcessLike {
  versions?: { node?: string };
  pid: number;
  getBuiltinModule?(name: string): unknown;
  kill(pid: number, signal: 0): boolean;
}
const processOf = (): ProcessLike | undefined => (globalThis as { process?: ProcessLike }).process;

let loaded: Promise<NodeModules | undefined> | undefined;

/** Node's own modules; undefined in a browser. The names are put together at run time, so that no bundler looks for them. */
export function nodeModules(): Promise<NodeModules | undefined> {
  return (loaded ??= (async () => {
    const p = processOf();
    if (!p?.versions?.node) return undefined;
    const get = async (name: string): Promise<unknown> => p.getBuiltinModule?.(`node:${name}`) ?? import(/* @vite-ignore */ /* webpackIgnore: true */ `node:${name}`);
    const [fs, path, os, url, crypto] = await Promise.all(['fs', 'path', 'os', 'url', 'crypto'].map(get));
    return { fs, path, os, url, crypto } as NodeModules;
  })());
}

const codeOf = (e: unknown): string | undefined => (e as { code?: string } | null)?.code;

/** A reader of a file on the disk. */
export function fileReader(fs: Fs, name: string, path: string): SyncReader {
  let fd: number | undefined;
  try {
    fd = fs.openSync(path, 'r');
    const info = fs.fstatSync(fd);
    if (!info.isFile()) throw new Error('it is not a file');
    const handle = fd, size = info.size;
    return {
      size,
      read(offset, into) {
        checkRead(name, size, offset, into);
        for (let done = 0; done < into.length; ) {
          const n = fs.readSync(handle, into, done, into.length - done, offset + done);
          if (n <= 0) throw new GalagoError('io', `${name}: ${path} was cut to ${offset + done} bytes since it was opened`);
          done += n;
        }
      },
      close() {
        if (fd !== undefined) fs.closeSync(fd);
        fd = undefined;
      },
    };
  } catch (e) {
    if (fd !== undefined) fs.closeSync(fd);
    throw new GalagoError('io', `${path}: it cannot be opened (${e instanceof Error ? e.message : String(e)})`, { cause: e });
  }
}

class FolderPart implements Part {
  readonly ranges: Ranges = [];
  private closed = false;
  constructor(private readonly fs: Fs, private readonly path: string, private readonly fd: number, ranges: Ranges) {
    const { size } = fs.fstatSync(fd);
    for (let i = 0; i < ranges.length; i += 2) addRange(this.ranges, ranges[i]!, Math.min(ranges[i + 1]!, size));
  }

  write(offset: number, bytes: Uint8Array): void {
    try {
      for (let done = 0; done < bytes.length; ) done += this.fs.writeSync(this.fd, bytes, done, bytes.length - done, offset + done);
    } catch (e) {
      throw fullError(`${this.path}.part`, offset, e);
    }
    addRange(this.ranges, offset, offset + bytes.length);
  }

  async checkpoint(): Promise<Ranges> {
    const now = [...this.ranges];
    await new Promise<void>((done) => this.fs.fdatasync(this.fd, () => done()));
    return now;
  }

  read(offset: number, length: number): Uint8Array {
    const out = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const n = this.fs.readSync(this.fd, out, done, length - done, offset + done);
      if (n <= 0) throw new GalagoError('storage', `${this.path}.part: byte ${offset + done} was written and cannot be read back`);
      done += n;
    }
    return out;
  }

  async forget(start: number, end: number): Promise<void> {
    removeRange(this.ranges, start, end);
  }

  async finish(size: number): Promise<void> {
    this.fs.ftruncateSync(this.fd, size);
    this.fs.fsyncSync(this.fd);
    await this.close();
    this.fs.renameSync(`${this.path}.part`, this.path);
  }

  async close(): Promise<void> {
    if (!this.closed) this.fs.closeSync(this.fd);
    this.closed = true;
  }
}

/** A lock file older than this whose owner did not touch it belongs to nobody. The owner touches it every third of it. */
const LOCK_MS = 9000;

function takeLock(fs: Fs, path: string): (() => void) | undefined {
  const p = processOf()!;
  for (let n = 0; n < 2; n++) {
    try {
      fs.writeFileSync(path, String(p.pid), { flag: 'wx' });
      const beat = setInterval(() => {
        try {
          fs.utimesSync(path, new Date(), new Date());
        } catch { /* removed from outside: the files are whole anyhow, each is renamed at its end */ }
      }, LOCK_MS / 3);
      (beat as { unref?(): void }).unref?.();
      return () => {
        clearInterval(beat);
        fs.rmSync(path, { force: true });
      };
    } catch (e) {
      if (codeOf(e) !== 'EEXIST') throw e;
    }
    try {
      const owner = Number(fs.readFileSync(path, 'utf8'));
      let alive = owner > 0;
      try {
        if (alive) p.kill(owner, 0);
      } catch (e) {
        alive = codeOf(e) === 'EPERM';
      }
      if (alive && Date.now() - fs.statSync(path).mtimeMs < LOCK_MS) return undefined;
      fs.rmSync(path, { force: true });
    } catch (e) {
      if (codeOf(e) !== 'ENOENT') throw e;
    }
  }
  return undefined;
}

export function openFolder({ fs, path }: NodeModules, dir: string): Store {
  const records = path.join(dir, 'records');
  try {
    fs.mkdirSync(records, { recursive: true });
  } catch (e) {
    throw new GalagoError('storage', `${dir}: the store's folder cannot be made (${e instanceof Error ? e.message : String(e)}); choose another one with {cacheDir}`, { cause: e });
  }
  const fileOf = (key: string): string => path.join(dir, ...splitKey(key));
  const recordOf = (key: string): string => path.join(records, `${key.replace('/', '~')}.json`);
  return {
    kind: 'folder',
    records: {
      async get(key) {
        try {
          return JSON.parse(fs.readFileSync(recordOf(key), 'utf8')) as unknown;
        } catch {
          return undefined;
        }
      },
      async put(key, value) {
        const to = recordOf(key), by = `${to}.${processOf()!.pid}.tmp`;
        try {
          fs.writeFileSync(by, JSON.stringify(value));
          fs.renameSync(by, to);
        } catch (e) {
          fs.rmSync(by, { force: true });
          throw fullError(to, 0, e);
        }
      },
      async delete(key) {
        fs.rmSync(recordOf(key), { force: true });
      },
      keys: async () => fs.readdirSync(records).filter((n) => n.endsWith('.json')).map((n) => n.slice(0, -5).replace('~', '/')),
    },
    async exclusive(key, work) {
      fs.mkdirSync(path.dirname(fileOf(key)), { recursive: true });
      const release = takeLock(fs, `${fileOf(key)}.lock`);
      if (!release) return undefined;
      try {
        return await work();
      } finally {
        release();
        try {
          fs.rmdirSync(path.dirname(fileOf(key)));
        } catch { /* not empty */ }
      }
    },
    async openPart(key, _size, ranges) {
      const at = fileOf(key);
      fs.mkdirSync(path.dirname(at), { recursive: true });
      // 'a+' makes the file without emptying one that is there, 'r+' writes at any place.
      fs.closeSync(fs.openSync(`${at}.part`, 'a+'));
      return new FolderPart(fs, at, fs.openSync(`${at}.part`, 'r+'), ranges);
    },
    async has(key, size) {
      return fs.statSync(fileOf(key), { throwIfNoEntry: false })?.size === size;
    },
    open: async (key, name) => fileReader(fs, name, fileOf(key)),
    async remove(key) {
      const at = fileOf(key);
      fs.rmSync(at, { force: true });
      fs.rmSync(`${at}.part`, { force: true });
      try {
        fs.rmdirSync(path.dirname(at));
      } catch { /* not empty, or not there */ }
      await sleepTurn();
    },
    async clear() {
      // Only what this store made: folders and records, never the folder itself or files beside them.
      for (const key of fs.readdirSync(records)) fs.rmSync(path.join(records, key), { force: true });
      for (const entry of fs.readdirSync(dir, { withFileTypes: true })) {
        if (entry.isDirectory() && entry.name !== 'records' && /-[0-9a-f]{8}$/.test(entry.name)) fs.rmSync(path.join(dir, entry.name), { recursive: true, force: true });
      }
    },
    async space() {
      try {
        const s = fs.statfsSync(dir);
        const free = s.bavail * s.bsize;
        let used = 0;
        for (const entry of fs.readdirSync(dir, { withFileTypes: true, recursive: true })) {
          if (entry.isFile()) used += fs.statSync(path.join(entry.parentPath ?? entry.path, entry.name), { throwIfNoEntry: false })?.size ?? 0;
        }
        return { used, quota: used + free, persisted: true };
      } catch {
        return undefined;
      }
    },
  };
}
