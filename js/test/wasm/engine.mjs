// The wasm module by itself in Node, without the package around it: files from disk, no GPU.
import { closeSync, fstatSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

export const root = fileURLToPath(new URL('../../../', import.meta.url));
export const STATUS = { OK: 0, PENDING: 1, CANCELLED: 2, ARGUMENT: 3, IO: 4, FORMAT: 5, UNSUPPORTED: 6, MEMORY: 7 };

/** The imports of a module on a host that has no GPU: each of the gpu's calls gives nothing, as js/src/host.ts has it. */
function importsOf(module, host, memory, asked) {
  const imports = { host, gpu: {}, env: { memory } };
  for (const { module: from, name } of WebAssembly.Module.imports(module))
    if (from === 'gpu') imports.gpu[name] = () => {
      asked.push(name);
      return ['read_poll', 'status', 'profile_end'].includes(name) ? STATUS.UNSUPPORTED : 0;
    };
  return imports;
}

/** One instance that holds one model. `files` names what may be opened: name -> path. */
export class Engine {
  constructor(path, { files = {}, threads = 1, progress = () => true, memoryAvailable = 0 } = {}) {
    this.module = new WebAssembly.Module(readFileSync(path));
    const shared = WebAssembly.Module.imports(this.module).some((i) => i.module === 'env');
    this.memory = shared ? new WebAssembly.Memory({ initial: 64, maximum: 65535, shared: true }) : null;
    this.open = [];
    this.reads = 0;
    this.gpuCalls = []; // names; on the CPU none
    this.largest = 0;
    this.workers = [];
    this.idle = [];
    this.threads = threads;
    const host = {
      open: (ptr, size) => {
        const path = files[this.string(ptr, size)];
        if (path === undefined) return -1;
        this.open.push(openSync(path, 'r'));
        return this.open.length - 1;
      },
      size: (h) => fstatSync(this.open[h]).size,
      read: (h, offset, size, dst) => {
        this.reads++;
        this.largest = Math.max(this.largest, size);
        if (offset + size > fstatSync(this.open[h]).size) return 1;
        for (let at = 0; at < size;) {
          const got = readSync(this.open[h], new Uint8Array(this.memory.buffer, dst + at, size - at), 0, size - at, offset + at);
          if (got <= 0) return 1;
          at += got;
        }
        return 0;
      },
      close: (h) => {
        closeSync(this.open[h]);
        this.open[h] = null;
      },
      now: () => performance.now(),
      memory_available: () => memoryAvailable,
      progress: (ptr, size, fraction) => (progress(this.string(ptr, size), fraction) ? 1 : 0),
      thread_spawn: (arg, stackTop) => {
        const worker = this.idle.pop();
        worker?.postMessage({ arg, stackTop });
        return worker ? 1 : 0;
      },
    };
    const instance = new WebAssembly.Instance(this.module, importsOf(this.module, host, this.memory, this.gpuCalls));
    this.exports = instance.exports;
    this.memory ??= instance.exports.memory;
  }

  /** Workers that wait for a thread of the engine; only then may a model with threads be opened. */
  async start() {
    for (let i = 1; i < this.threads; i++) {
      const worker = new Worker(new URL('./thread.mjs', import.meta.url), { workerData: { module: this.module, memory: this.memory } });
      await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
      worker.unref();
      this.workers.push(worker);
      this.idle.push(worker);
    }
    return this;
  }
  async stop() {
    await Promise.all(this.workers.map((w) => w.terminate()));
  }

  string(ptr, size) {
    return Buffer.from(new Uint8Array(this.memory.buffer, ptr >>> 0, size).slice()).toString();
  }
  text() {
    return this.string(this.exports.gw_text(), this.exports.gw_text_size());
  }
  error() {
    const size = this.exports.gw_error_size();
    return size ? JSON.parse(this.string(this.exports.gw_error(), size)) : null;
  }
  with(bytes, call) {
    const ptr = this.exports.gw_alloc(bytes.length) >>> 0;
    new Uint8Array(this.memory.buffer).set(bytes, ptr);
    try {
      return call(ptr, bytes.length);
    } finally {
      this.exports.gw_free(ptr);
    }
  }
  withJson(value, call) {
    return this.with(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)), call);
  }
  check(status) {
    if (status !== STATUS.OK) throw new Error(`status ${status}: ${JSON.stringify(this.error())}`);
  }

  openModel(options) {
    this.check(this.withJson(options, (p, n) => this.exports.gw_open_begin(p, n)));
    let status, steps = 0;
    while ((status = this.exports.gw_open_step()) === STATUS.PENDING) steps++;
    this.check(status);
    return steps;
  }
  json(status) {
    this.check(status);
    return JSON.parse(this.text());
  }
  image({ width, height, rgb }) {
    const h = this.with(rgb, (p) => this.exports.gw_image_pixels(p, width, height, 3));
    if (!h) throw new Error(JSON.stringify(this.error()));
    return h;
  }
  /** Runs an answer to its end; `step` is told each status. */
  answer(context, request, step = () => {}) {
    this.check(this.withJson(request, (p, n) => this.exports.gw_begin(context, p, n)));
    let streamed = '';
    while (!this.exports.gw_done(context)) {
      const status = this.exports.gw_next(context);
      step(status);
      if (status === STATUS.PENDING) continue;
      this.check(status);
      streamed += this.text();
    }
    return { ...this.json(this.exports.gw_result(context)), streamed };
  }
}

/** A Hugging Face folder's files under the name that the engine opens. */
export function folder(name, path, files) {
  return Object.fromEntries(files.filter((f) => statSync(`${path}/${f}`, { throwIfNoEntry: false })).map((f) => [`${name}/${f}`, `${path}/${f}`]));
}
