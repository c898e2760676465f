// OPFS and the Cache API as far as the store uses them, in memory, with a disk whose state can be kept and brought back:
// what a crash at any moment leaves is then a thing to test with.

const dom = (name, message = name) => new DOMException(message, name);

export class FakeDisk {
  /** path -> {now: bytes, flushed: bytes}; folders are keys ending in '/' */
  files = new Map();
  locks = new Map();
  caches = new Map();
  limit = Infinity;
  /** Called after every change. */
  onChange = () => {};

  used() {
    let n = 0;
    for (const f of this.files.values()) n += f?.now?.length ?? 0;
    for (const c of this.caches.values()) for (const bytes of c.values()) n += bytes.length;
    return n;
  }

  /** A copy of what is there; with `flushed`, of what a loss of power would leave. */
  snapshot(flushed) {
    const files = new Map([...this.files].map(([k, f]) => [k, f && { now: flushed ? f.flushed : f.now, flushed: f.flushed }]));
    const caches = new Map([...this.caches].map(([k, c]) => [k, new Map(c)]));
    return () => {
      this.files = new Map([...files].map(([k, f]) => [k, f && { ...f }]));
      this.caches = new Map([...caches].map(([k, c]) => [k, new Map(c)]));
      this.locks.clear();
    };
  }

  change(path, bytes, flush) {
    const f = this.files.get(path) ?? { now: new Uint8Array(0), flushed: new Uint8Array(0) };
    if (bytes.length > f.now.length && this.used() + bytes.length - f.now.length > this.limit) throw dom('QuotaExceededError', 'the fake disk is full');
    f.now = bytes;
    if (flush) f.flushed = bytes;
    this.files.set(path, f);
    this.onChange();
  }
}

export class FakeFileHandle {
  kind = 'file';
  constructor(disk, path) {
    this.disk = disk;
    this.path = path;
    this.name = path.slice(path.lastIndexOf('/') + 1);
  }
  async getFile() {
    const f = this.disk.files.get(this.path);
    if (!f) throw dom('NotFoundError');
    return new File([f.now], this.name);
  }
  async createSyncAccessHandle({ mode = 'readwrite' } = {}) {
    const { disk, path } = this;
    if (!disk.files.get(path)) throw dom('NotFoundError');
    const held = disk.locks.get(path);
    if (held && (mode !== 'read-only' || held.mode !== 'read-only')) throw dom('NoModificationAllowedError');
    const lock = held ?? { mode, count: 0 };
    lock.count++;
    disk.locks.set(path, lock);
    let open = true;
    const bytes = () => {
      if (!open) throw dom('InvalidStateError');
      return disk.files.get(path).now;
    };
    return {
      getSize: () => bytes().length,
      read(into, { at }) {
        const part = bytes().subarray(at, at + into.length);
        into.set(part);
        return part.length;
      },
      write(data, { at }) {
        const old = bytes(), next = new Uint8Array(Math.max(old.length, at + data.length));
        next.set(old);
        next.set(data, at);
        disk.change(path, next, false);
        return data.length;
      },
      truncate(size) {
        const next = new Uint8Array(size);
        next.set(bytes().subarray(0, size));
        disk.change(path, next, false);
      },
      flush() {
        const f = disk.files.get(path);
        f.flushed = f.now;
        disk.onChange();
      },
      close() {
        if (open && --lock.count === 0) disk.locks.delete(path);
        open = false;
      },
    };
  }
  async createWritable() {
    const parts = [];
    return {
      write: async (chunk) => void parts.push(chunk),
      abort: async () => {},
      close: async () => this.disk.change(this.path, new Uint8Array(await new Blob(parts).arrayBuffer()), true),
    };
  }
}

export class FakeFolderHandle {
  kind = 'directory';
  constructor(disk, path) {
    this.disk = disk;
    this.path = path;
  }
  async getDirectoryHandle(name, { create } = {}) {
    const path = `${this.path}${name}/`;
    if (!this.disk.files.has(path)) {
      if (!create) throw dom('NotFoundError');
      this.disk.files.set(path, null);
    }
    return new FakeFolderHandle(this.disk, path);
  }
  async getFileHandle(name, { create } = {}) {
    const path = this.path + name;
    if (!this.disk.files.has(path)) {
      if (!create) throw dom('NotFoundError');
      this.disk.change(path, new Uint8Array(0), true);
    }
    return new FakeFileHandle(this.disk, path);
  }
  async removeEntry(name, { recursive } = {}) {
    const { files, locks } = this.disk, path = this.path + name;
    const inside = [...files.keys()].filter((k) => k.startsWith(`${path}/`));
    if (!files.has(path) && !files.has(`${path}/`)) throw dom('NotFoundError');
    if (inside.length > 1 && !recursive) throw dom('InvalidModificationError');
    if ([path, ...inside].some((k) => locks.has(k))) throw dom('NoModificationAllowedError');
    for (const k of [path, `${path}/`, ...inside]) files.delete(k);
    this.disk.onChange();
  }
  async *keys() {
    for (const k of [...this.disk.files.keys()]) {
      const rest = k.startsWith(this.path) ? k.slice(this.path.length) : '';
      if (rest && !rest.slice(0, -1).includes('/')) yield rest.replace(/\/$/, '');
    }
  }
}

class FakeCaches {
  constructor(disk) {
    this.disk = disk;
  }
  async open(name) {
    const { disk } = this;
    if (!disk.caches.has(name)) disk.caches.set(name, new Map());
    const at = () => disk.caches.get(name) ?? new Map();
    return {
      async put(url, response) {
        const bytes = new Uint8Array(await response.arrayBuffer());
        if (disk.used() + bytes.length > disk.limit) throw dom('QuotaExceededError', 'the fake cache is full');
        if (!disk.caches.has(name)) disk.caches.set(name, new Map());
        at().set(url, bytes);
        disk.onChange();
      },
      match: async (url) => (at().has(url) ? new Response(at().get(url)) : undefined),
      keys: async () => [...at().keys()].map((url) => new Request(url)),
      delete: async (url) => at().delete(url),
    };
  }
  has = async (name) => this.disk.caches.has(name);
  keys = async () => [...this.disk.caches.keys()];
  delete = async (name) => {
    const had = this.disk.caches.delete(name);
    this.disk.onChange();
    return had;
  };
}

/** Puts a fake browser around the store: {storage: 'opfs' | 'opfs-pieces' | 'cache-api'} then works in Node.js. */
export function installFakes() {
  const disk = new FakeDisk();
  const root = new FakeFolderHandle(disk, '/');
  const define = (name, value) => Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  define('navigator', {
    storage: {
      getDirectory: async () => root,
      estimate: async () => ({ usage: disk.used(), quota: disk.estimated ?? Math.min(disk.limit, 2 ** 40) }),
      persisted: async () => disk.persisted ?? false,
      persist: async () => (disk.persisted = true),
    },
  });
  define('FileSystemFileHandle', FakeFileHandle);
  define('caches', new FakeCaches(disk));
  return disk;
}
