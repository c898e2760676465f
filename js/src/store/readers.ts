// SyncReaders over what a worker can read without waiting.
import { GalagoError } from '../errors.js';
import type { SyncReader } from './types.js';

/** Throws where a read would leave the file. */
export function checkRead(name: string, size: number, offset: number, into: Uint8Array): void {
  if (!(offset >= 0) || offset + into.length > size) {
    throw new GalagoError('io', `${name}: bytes ${offset} to ${offset + into.length} were asked for, it has ${size}`);
  }
}

function unreadable(name: string, cause: unknown): GalagoError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new GalagoError('io', `${name}: it cannot be read any more (${why}); it was moved, changed or removed since it was opened`, { cause });
}

/** Bytes in memory, in pieces that follow one another. */
export function bytesReader(name: string, pieces: Uint8Array[]): SyncReader {
  const size = pieces.reduce((n, p) => n + p.length, 0);
  return {
    size,
    read(offset, into) {
      checkRead(name, size, offset, into);
      let done = 0, start = 0;
      for (const piece of pieces) {
        if (done === into.length) break;
        const at = offset + done - start;
        if (at < piece.length) {
          const part = piece.subarray(at, at + into.length - done);
          into.set(part, done);
          done += part.length;
        }
        start += piece.length;
      }
    },
    close() {
      pieces = [];
    },
  };
}

// Not in TypeScript's DOM library, which describes pages.
declare class FileReaderSync {
  readAsArrayBuffer(blob: Blob): ArrayBuffer;
}

/** A Blob or File: through FileReaderSync in a worker, or copied to memory where there is none (Node.js). */
export async function blobReader(name: string, blob: Blob): Promise<SyncReader> {
  if (typeof FileReaderSync === 'undefined') {
    try {
      return bytesReader(name, [new Uint8Array(await blob.arrayBuffer())]);
    } catch (e) {
      throw unreadable(name, e);
    }
  }
  const reader = new FileReaderSync();
  return {
    size: blob.size,
    read(offset, into) {
      checkRead(name, blob.size, offset, into);
      // Bounded, because every read makes a buffer of its own size.
      for (let at = 0; at < into.length; at += 8 << 20) {
        const part = into.subarray(at, at + (8 << 20));
        try {
          part.set(new Uint8Array(reader.readAsArrayBuffer(blob.slice(offset + at, offset + at + part.length))));
        } catch (e) {
          throw unreadable(name, e);
        }
      }
    },
    close() {},
  };
}

/** The part of FileSystemSyncAccessHandle that is used here; TypeScript's DOM library has it for workers alone. */
export interface SyncHandle {
  read(into: Uint8Array, o: { at: number }): number;
  write(bytes: Uint8Array, o: { at: number }): number;
  truncate(size: number): void;
  getSize(): number;
  flush(): void;
  close(): void;
}

export function handleReader(name: string, handle: SyncHandle): SyncReader {
  const size = handle.getSize();
  return {
    size,
    read(offset, into) {
      checkRead(name, size, offset, into);
      for (let done = 0; done < into.length; ) {
        let n;
        try {
          n = handle.read(into.subarray(done), { at: offset + done });
        } catch (e) {
          throw unreadable(name, e);
        }
        if (n <= 0) throw new GalagoError('io', `${name}: the stored file ends at byte ${offset + done} of ${size}; remove it with cache.remove() and load again`);
        done += n;
      }
    },
    close() {
      handle.close();
    },
  };
}
