// The import module "host" of the engine: files by name, time, memory, progress. All of it is synchronous, as the engine is.

import { Status } from './wasm.js';
import type { SyncReader } from './store/types.js';

export interface HostOptions {
  files: Map<string, SyncReader>;
  /** Bytes that the engine may take for weights; 0 = not known. */
  memoryAvailable: number;
  /** A long work's name and fraction done; false cancels it. */
  progress(stage: string, fraction: number): boolean;
  /** Threads variant: runs gw_thread_main(arg) in another worker. */
  spawn?(arg: number, stackTop: number): boolean;
}

export class Host {
  memory: WebAssembly.Memory | null = null;
  private readonly open: (SyncReader | null)[] = [];
  private readonly text = new TextDecoder();
  constructor(readonly options: HostOptions) {}

  /** Files that the engine has open. */
  get inUse(): number {
    return this.open.filter((f) => f !== null).length;
  }

  imports(): Record<string, (...args: number[]) => number | void> {
    return {
      open: (ptr, size) => {
        const file = this.options.files.get(this.string(ptr!, size!));
        if (!file) return -1;
        const free = this.open.indexOf(null), h = free < 0 ? this.open.length : free;
        this.open[h] = file;
        return h;
      },
      size: (h) => this.open[h!]?.size ?? -1,
      read: (h, offset, size, dst) => {
        const file = this.open[h!], length = size! >>> 0;
        if (!file || offset! + length > file.size) return 1;
        try {
          if (this.memory!.buffer instanceof ArrayBuffer) {
            file.read(offset!, new Uint8Array(this.memory!.buffer, dst! >>> 0, length));
          } else {
            // File handles refuse shared memory.
            const piece = new Uint8Array(Math.min(length, 4 << 20));
            for (let at = 0; at < length; at += piece.length) {
              const part = piece.subarray(0, Math.min(piece.length, length - at));
              file.read(offset! + at, part);
              new Uint8Array(this.memory!.buffer).set(part, (dst! >>> 0) + at);
            }
          }
          return 0;
        } catch {
          return 1;
        }
      },
      // The reader stays with the host, which closes it when the engine has none open: a name may be opened again.
      close: (h) => {
        this.open[h!] = null;
      },
      now: () => performance.now(),
      memory_available: () => this.options.memoryAvailable,
      progress: (ptr, size, fraction) => (this.options.progress(this.string(ptr!, size!), fraction!) ? 1 : 0),
      thread_spawn: (arg, stackTop) => (this.options.spawn?.(arg! >>> 0, stackTop! >>> 0) ? 1 : 0),
    };
  }

  private string(ptr: number, size: number): string {
    const bytes = new Uint8Array(this.memory!.buffer, ptr >>> 0, size);
    return this.text.decode(this.memory!.buffer instanceof ArrayBuffer ? bytes : bytes.slice());
  }
}

/** Stands for the GPU where there is none: every call that could give work says so. */
export function noGpu(): Record<string, (...args: number[]) => number> {
  const names = ['info', 'buffer_create', 'buffer_destroy', 'write', 'pipeline_create', 'pipeline_ready', 'group_create', 'group_destroy',
    'submit', 'in_flight', 'read_begin', 'read_poll', 'read_cancel', 'wait', 'profile_begin'];
  const imports: Record<string, (...args: number[]) => number> = {};
  for (const name of names) imports[name] = () => 0;
  for (const name of ['read_poll', 'status', 'profile_end']) imports[name] = () => Status.Unsupported;
  return imports;
}
