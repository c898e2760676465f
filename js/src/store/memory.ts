// The last resort: files in this worker's memory, gone with it.
import { GalagoError } from '../errors.js';
import { exclusive } from './locks.js';
import { addRange, removeRange, type Ranges } from './ranges.js';
import { bytesReader } from './readers.js';
import { bytesText } from './space.js';
import type { Part, Store } from './store.js';

/** Small enough for every browser to give, large enough for a file to be few. */
const SEGMENT = 32 << 20;

class MemoryFile {
  readonly ranges: Ranges = [];
  readonly segments: Uint8Array[] = [];
  size = -1;
  constructor(readonly name: string) {}

  segment(i: number, expected: number): Uint8Array {
    for (let n = this.segments.length; n <= i; n++) {
      const left = expected < 0 ? SEGMENT : expected - n * SEGMENT;
      try {
        this.segments.push(new Uint8Array(Math.max(1, Math.min(SEGMENT, left))));
      } catch (e) {
        throw new GalagoError('memory', `${this.name}: no memory for it after ${bytesText(n * SEGMENT)}; this page can store nothing, so the model must fit in memory: choose a smaller model or open the page over https`, { cause: e });
      }
    }
    return this.segments[i]!;
  }
}

function memoryPart(file: MemoryFile, expected: number): Part {
  return {
    ranges: file.ranges,
    write(offset, bytes) {
      for (let done = 0; done < bytes.length; ) {
        const at = offset + done, segment = file.segment(Math.floor(at / SEGMENT), expected);
        const part = bytes.subarray(done, done + segment.length - (at % SEGMENT));
        if (!part.length) throw new GalagoError('internal', `${file.name}: more bytes than its size`);
        segment.set(part, at % SEGMENT);
        done += part.length;
      }
      addRange(file.ranges, offset, offset + bytes.length);
    },
    checkpoint: async () => [...file.ranges],
    read(offset, length) {
      const out = new Uint8Array(length);
      bytesReader(file.name, file.segments).read(offset, out);
      return out;
    },
    async forget(start, end) {
      removeRange(file.ranges, start, end);
    },
    async finish(size) {
      file.size = size;
      const last = Math.floor(size / SEGMENT);
      file.segments.length = Math.min(file.segments.length, last + 1);
      if (file.segments[last]) file.segments[last] = file.segments[last].slice(0, size % SEGMENT);
    },
    async close() {},
  };
}

export function memoryStore(): Store {
  const files = new Map<string, MemoryFile>(), records = new Map<string, string>();
  return {
    kind: 'memory',
    exclusive,
    space: async () => undefined,
    records: {
      async get(key) {
        const text = records.get(key);
        return text === undefined ? undefined : (JSON.parse(text) as unknown);
      },
      async put(key, value) {
        records.set(key, JSON.stringify(value));
      },
      async delete(key) {
        records.delete(key);
      },
      keys: async () => [...records.keys()],
    },
    async openPart(key, size, ranges) {
      let file = files.get(key);
      if (!file || file.size >= 0 || !ranges.length) files.set(key, (file = new MemoryFile(key.slice(key.indexOf('/') + 1))));
      return memoryPart(file, size);
    },
    has: async (key, size) => files.get(key)?.size === size,
    async open(key, name, size) {
      const file = files.get(key);
      if (file?.size !== size) throw new GalagoError('storage', `${name}: it is not in memory any more; load the model again`);
      return bytesReader(name, file.segments);
    },
    async remove(key) {
      files.delete(key);
    },
    async clear() {
      files.clear();
      records.clear();
    },
  };
}
