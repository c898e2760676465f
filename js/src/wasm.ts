// The wasm module: instantiation, strings in and out of its memory, statuses to errors.

import { GalagoError, type GalagoErrorCode } from './errors.js';

/** galago_status of include/galago.h. */
export enum Status { Ok, Pending, Cancelled, Argument, Io, Format, Unsupported, Memory, DeviceLost, Internal }

/** Exports of src/wasm/exports.c. */
export interface Exports {
  memory?: WebAssembly.Memory; // the threads variant imports it
  gw_alloc(size: number): number;
  gw_free(ptr: number): void;
  gw_error(): number;
  gw_error_size(): number;
  gw_text(): number;
  gw_text_size(): number;
  gw_open_begin(json: number, size: number): Status;
  gw_open_prepare(): Status;
  gw_open_step(): Status;
  gw_model_info(): Status;
  gw_close(): void;
  gw_image_pixels(ptr: number, width: number, height: number, channels: number): number;
  gw_image_decode(ptr: number, size: number): number;
  gw_image_free(handle: number): void;
  gw_context_create(nCtx: number): number;
  gw_context_destroy(h: number): void;
  gw_context_reset(h: number): void;
  gw_begin(h: number, json: number, size: number): Status;
  gw_next(h: number): Status;
  gw_done(h: number): number;
  gw_result(h: number): Status;
  gw_cancel(h: number): void;
  gw_tokenize(ptr: number, size: number, special: number): Status;
  gw_detokenize(ids: number, n: number, special: number): Status;
  gw_logits_hash(h: number): number;
  gw_memory(): Status;
  gw_thread_main?(arg: number): void;
  gw_thread_init?(stackTop: number, tls: number): void;
}

export type WasmSource = string | URL | Request | Response | ArrayBuffer | Uint8Array | WebAssembly.Module;

/** Compiles while the bytes arrive, where the server names the type; else from all of them. */
export async function compile(source: WasmSource, signal?: AbortSignal): Promise<WebAssembly.Module> {
  if (source instanceof WebAssembly.Module) return source;
  if (source instanceof ArrayBuffer || ArrayBuffer.isView(source)) return WebAssembly.compile(source as BufferSource);
  let response: Response;
  try {
    response = source instanceof Response ? source : await fetch(source, { signal });
  } catch (e) {
    if (signal?.aborted) throw e;
    throw new GalagoError('network', `${nameOf(source)} cannot be fetched: ${e instanceof Error ? e.message : String(e)}. Serve the package's .wasm files beside its worker.js, or pass an address as the option "wasm".`);
  }
  if (!response.ok) throw new GalagoError('network', `${nameOf(source)}: the server answered ${response.status}. Serve the package's .wasm files beside its worker.js, or pass an address as the option "wasm".`);
  if (/^application\/wasm\b/i.test(response.headers.get('content-type') ?? '')) return WebAssembly.compileStreaming(response);
  return WebAssembly.compile(await response.arrayBuffer());
}

function nameOf(source: string | URL | Request | Response): string {
  return source instanceof Request || source instanceof Response ? source.url : String(source);
}

const codes: Record<number, GalagoErrorCode> = {
  [Status.Cancelled]: 'cancelled', [Status.Argument]: 'argument', [Status.Io]: 'io', [Status.Format]: 'format',
  [Status.Unsupported]: 'unsupported', [Status.Memory]: 'memory', [Status.DeviceLost]: 'device_lost', [Status.Internal]: 'internal',
};

/** One instance and its memory. Views are made anew for each use: any call may grow the memory. */
export class Wasm {
  readonly exports: Exports;
  readonly memory: WebAssembly.Memory;
  private readonly encoder = new TextEncoder();
  private readonly decoder = new TextDecoder();

  constructor(instance: WebAssembly.Instance, shared?: WebAssembly.Memory) {
    this.exports = instance.exports as unknown as Exports;
    this.memory = shared ?? this.exports.memory!;
  }

  string(ptr: number, size: number): string {
    if (size === 0) return '';
    const bytes = new Uint8Array(this.memory.buffer, ptr >>> 0, size);
    return this.decoder.decode(this.memory.buffer instanceof ArrayBuffer ? bytes : bytes.slice());
  }

  /** Text of the latest call that has one. */
  text(): string {
    return this.string(this.exports.gw_text(), this.exports.gw_text_size());
  }
  json<T>(): T {
    return JSON.parse(this.text()) as T;
  }

  /** Runs `call` with a copy of the bytes in the module's memory. */
  withBytes<T>(bytes: Uint8Array, call: (ptr: number, size: number) => T): T {
    const ptr = this.exports.gw_alloc(Math.max(bytes.length, 1));
    if (ptr === 0) throw new GalagoError('memory', `No room for ${bytes.length} bytes in the engine's memory (a page's engine has at most 4 GiB). Use smaller pictures or fewer at once.`);
    try {
      new Uint8Array(this.memory.buffer).set(bytes, ptr >>> 0);
      return call(ptr, bytes.length);
    } finally {
      this.exports.gw_free(ptr);
    }
  }
  withText<T>(text: string, call: (ptr: number, size: number) => T): T {
    return this.withBytes(this.encoder.encode(text), call);
  }

  /** The engine's words for its latest failure. */
  failure(status?: Status): GalagoError {
    const size = this.exports.gw_error_size();
    let code: GalagoErrorCode = codes[status ?? Status.Internal] ?? 'internal', message = `The engine failed with status ${status}`;
    if (size > 0) {
      try {
        const e = JSON.parse(this.string(this.exports.gw_error(), size)) as { code: GalagoErrorCode; message: string };
        code = e.code;
        message = e.message;
      } catch {
        // The status says enough.
      }
    }
    return new GalagoError(code, message);
  }
  check(status: Status): void {
    if (status !== Status.Ok) throw this.failure(status);
  }
  /** Handles: 0 = failed. */
  handle(h: number): number {
    if (h === 0) throw this.failure();
    return h;
  }
}
