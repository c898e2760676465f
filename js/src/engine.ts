// The engine as an object: one wasm instance that holds one model. Nothing in the instance waits; `drive` calls it again and
// again and gives the event loop, or the GPU, its turn in between.

import { GalagoError, abortError } from './errors.js';
import type { Gpu } from './gpu.js';
import { Host, noGpu } from './host.js';
import type { AnswerParams, EngineMemory, EngineResult, ModelInfo } from './results.js';
import type { SyncReader } from './store/types.js';
import { Status, Wasm } from './wasm.js';

/** JSON of gw_open_begin. */
export interface OpenParams {
  name: string;
  mmproj?: string | null;
  device: 'cpu' | 'gpu';
  dtype?: string;
  threads?: number;
  min_pixels?: number;
  max_pixels?: number;
  memory_limit?: number;
  isa?: string;
}

export interface EngineMessage {
  role: 'system' | 'user' | 'assistant';
  text: string;
  images?: number[];
  /** Each "<image>" in the text stands for the next picture; else pictures come before the text. */
  inline_images?: boolean;
}

/** JSON of gw_begin. */
export interface EngineRequest extends AnswerParams {
  messages: EngineMessage[];
  answer_ids?: number[];
}

export interface Threads {
  memory: WebAssembly.Memory;
  spawn(arg: number, stackTop: number): boolean;
}

export interface EngineHost {
  files: Map<string, SyncReader>;
  gpu: Gpu | null;
  threads?: Threads;
  memoryAvailable: number;
  /** Lets messages and other tasks run. */
  yield(): Promise<void>;
}

/** How a running answer is steered from outside. */
export interface Steering {
  signal?: AbortSignal;
  /** Becomes true when the answer is to end where it is, which is no failure. */
  interrupted?(): boolean;
  progress?(stage: string, fraction: number): void;
  piece?(text: string): void | Promise<void>;
  /** Called before the engine waits: whatever was held back may be sent now. */
  idle?(): void;
}

/** Milliseconds of work after which messages get their turn, so that an abort is heard at once. */
const TURN_MS = 8;

export class Engine {
  private readonly wasm: Wasm;
  private steering: Steering = {};
  private turn = performance.now();
  private closed = false;
  private answering = false;

  private constructor(instance: WebAssembly.Instance, private readonly host: EngineHost, private readonly imports: Host) {
    this.wasm = new Wasm(instance, host.threads?.memory);
  }

  /** Instantiates the module; `open` then loads the model. */
  static async create(module: WebAssembly.Module, host: EngineHost): Promise<Engine> {
    let engine: Engine | null = null;
    const imports = new Host({
      files: host.files,
      memoryAvailable: host.memoryAvailable,
      spawn: host.threads?.spawn,
      progress: (stage, fraction) => {
        const s = engine?.steering;
        s?.progress?.(stage, fraction);
        return !s?.signal?.aborted;
      },
    });
    const modules: WebAssembly.Imports = { host: imports.imports(), gpu: host.gpu ? host.gpu.imports() : noGpu() };
    if (host.threads) modules.env = { memory: host.threads.memory };
    let instance: WebAssembly.Instance;
    try {
      instance = await WebAssembly.instantiate(module, modules);
    } catch (e) {
      const message = e instanceof Error ? e.message : String(e);
      if (e instanceof RangeError) throw new GalagoError('memory', `The engine's memory cannot be had: ${message}. Close other tabs or use a smaller model.`);
      throw new GalagoError('internal', `galago.wasm does not fit the package's JavaScript: ${message}`);
    }
    engine = new Engine(instance, host, imports);
    imports.memory = engine.wasm.memory;
    if (host.gpu) host.gpu.memory = engine.wasm.memory;
    return engine;
  }

  /** All of opening that reads no more than the files' headers: the GPU is tested, and its kernels begin to be compiled. */
  async prepare(params: OpenParams, steering: Steering = {}): Promise<void> {
    const { exports } = this.wasm;
    await this.steer(steering, async () => {
      this.check(this.wasm.withText(JSON.stringify(params), (ptr, size) => exports.gw_open_begin(ptr, size)));
      this.check(await this.drive(() => exports.gw_open_prepare()));
    });
  }

  /** Loads the weights of what was prepared. */
  async load(steering: Steering = {}): Promise<void> {
    await this.steer(steering, async () => this.check(await this.drive(() => this.wasm.exports.gw_open_step())));
  }

  /** The engine reads from its files still. */
  holdsFiles(): boolean {
    return this.imports.inUse > 0;
  }

  info(): ModelInfo {
    this.check(this.wasm.exports.gw_model_info());
    return this.wasm.json();
  }
  memory(): EngineMemory {
    this.check(this.wasm.exports.gw_memory());
    const m = this.wasm.json<EngineMemory>(), { gpu } = this.host;
    return { ...m, wasm_bytes: this.wasm.memory.buffer.byteLength, gpu_bytes: gpu ? gpu.bytes + gpu.stagingBytes : 0, gpu_buffers: gpu?.bufferCount ?? 0 };
  }

  /** Pixels to a picture; alpha is dropped. */
  imagePixels(pixels: Uint8Array, width: number, height: number, channels: 3 | 4): number {
    if (pixels.length !== width * height * channels) throw new GalagoError('argument', `A picture of ${width} x ${height} pixels and ${channels} channels has ${width * height * channels} bytes, not ${pixels.length}`);
    return this.wasm.handle(this.wasm.withBytes(pixels, (ptr) => this.wasm.exports.gw_image_pixels(ptr, width, height, channels)));
  }
  /** A picture file in a format that the module itself decodes. */
  imageDecode(bytes: Uint8Array): number {
    return this.wasm.handle(this.wasm.withBytes(bytes, (ptr, size) => this.wasm.exports.gw_image_decode(ptr, size)));
  }
  imageFree(handle: number): void {
    if (!this.closed) this.wasm.exports.gw_image_free(handle);
  }

  contextCreate(nCtx: number): number {
    return this.wasm.handle(this.wasm.exports.gw_context_create(nCtx));
  }
  contextDestroy(h: number): void {
    if (!this.closed) this.wasm.exports.gw_context_destroy(h);
  }
  contextReset(h: number): void {
    this.wasm.exports.gw_context_reset(h);
  }

  tokenize(text: string, special: boolean): number[] {
    this.check(this.wasm.withText(text, (ptr, size) => this.wasm.exports.gw_tokenize(ptr, size, special ? 1 : 0)));
    return this.wasm.json();
  }
  detokenize(ids: readonly number[], special: boolean): string {
    const bytes = new Uint8Array(Int32Array.from(ids).buffer);
    this.check(this.wasm.withBytes(bytes, (ptr) => this.wasm.exports.gw_detokenize(ptr, ids.length, special ? 1 : 0)));
    return this.wasm.text();
  }
  /** FNV-1a 64 of the latest logits, in hexadecimal: equal runs have equal hashes. */
  logitsHash(h: number): string {
    this.wasm.exports.gw_logits_hash(h);
    return this.wasm.text();
  }
  /** What there is of the current or latest answer. */
  result(h: number): EngineResult {
    this.check(this.wasm.exports.gw_result(h));
    return this.wasm.json();
  }

  /** One answer. Rejects with AbortError when the signal says so; an interrupted answer is a result. */
  async answer(h: number, request: EngineRequest, steering: Steering = {}): Promise<EngineResult> {
    const { exports } = this.wasm;
    this.answering = false;
    return this.steer(steering, async () => {
      const begun = this.wasm.withText(JSON.stringify(request), (ptr, size) => exports.gw_begin(h, ptr, size));
      if (begun !== Status.Pending) this.check(begun);
      this.answering = true;
      let stopping = false;
      const step = (): Status => {
        if (!stopping && (steering.signal?.aborted || steering.interrupted?.())) {
          stopping = true;
          exports.gw_cancel(h);
        }
        return exports.gw_next(h);
      };
      for (;;) {
        const status = await this.drive(step);
        if (status === Status.Cancelled) break;
        this.check(status);
        const piece = this.wasm.text();
        if (piece !== '' && !stopping) await steering.piece?.(piece);
        if (exports.gw_done(h)) break;
        if (performance.now() - this.turn > TURN_MS) await this.yield();
      }
      if (steering.signal?.aborted) throw abortError(steering.signal);
      return this.result(h);
    });
  }

  /** Ids made by an answer that failed; none where it did not begin. */
  madeIds(h: number): number[] {
    return this.answering && this.wasm.exports.gw_result(h) === Status.Ok ? this.wasm.json<EngineResult>().token_ids : [];
  }

  close(): void {
    try {
      this.leave();
    } finally {
      void this.host.gpu?.close();
    }
  }

  /** Frees what the engine holds; the GPU stays open for another engine. */
  leave(): void {
    if (this.closed) return;
    this.closed = true;
    this.wasm.exports.gw_close();
  }

  private async steer<T>(steering: Steering, work: () => Promise<T>): Promise<T> {
    this.steering = steering;
    this.turn = performance.now();
    try {
      return await work();
    } catch (e) {
      // A trap (out of memory, a fault) leaves the instance in no defined state.
      if (e instanceof WebAssembly.RuntimeError) throw new GalagoError('internal', `The engine stopped: ${e.message}. Please report it with what was asked.`, { cause: e });
      throw e;
    } finally {
      this.steering = {};
    }
  }

  private async yield(): Promise<void> {
    this.steering.idle?.();
    await this.host.yield();
    this.turn = performance.now();
  }

  /** Calls `step` until it is not pending. A step that gave the GPU work is followed by the next one soon; one that found
   * nothing to do waits for the GPU. */
  private async drive(step: () => Status): Promise<Status> {
    const { gpu } = this.host;
    for (;;) {
      const work = gpu?.work;
      const status = step();
      if (gpu?.failure?.status === Status.DeviceLost) throw new GalagoError('device_lost', gpu.failure.message);
      if (status !== Status.Pending) return status;
      const failure = gpu?.failure;
      if (failure) throw new GalagoError(failure.status === Status.Memory ? 'memory' : 'internal', failure.message);
      if (gpu?.busy && work === gpu.work) {
        this.steering.idle?.();
        await gpu.progress();
        this.turn = performance.now();
      } else {
        await this.yield();
      }
    }
  }

  private check(status: Status): void {
    if (status === Status.Ok) return;
    if (status === Status.Cancelled && this.steering.signal?.aborted) throw abortError(this.steering.signal);
    throw this.wasm.failure(status);
  }
}
