// One open model in the worker: device, engine, contexts, pictures; and opening it anew when the device is lost.

import { chooseDevice, engineDtype, openTested, checkDtype } from './device.js';
import { EarlyStart, type Prepared } from './early.js';
import { Engine, type EngineHost, type EngineRequest, type OpenParams, type Steering, type Threads } from './engine.js';
import { GalagoError, abortError } from './errors.js';
import type { Found } from './adapter.js';
import type { Gpu } from './gpu.js';
import { decodePicture, type Decoded } from './picture.js';
import type { Platform } from './platform.js';
import { hasRelaxedSimd } from './relaxed.js';
import type { Answer, Call, DeviceInfo, Opened, OpenOptions, PicturePayload, WireEvent } from './rpc.js';
import { obtain, resolve } from './store/index.js';
import type { ModelSource, Resolved, SyncReader } from './store/types.js';
import { compile, Status } from './wasm.js';

/** Two losses of the device within this time mean that it is of no use now. */
const LOSS_MS = 600_000;
/** Milliseconds by which the news of a loss may come behind its effects. */
const LATE_MS = 200;

interface Picture {
  source: PicturePayload;
  width: number;
  height: number;
  /** Of the engine; 0 = to be decoded again. */
  handle: number;
  ms: number;
}

export interface JobControl {
  signal: AbortSignal;
  event(e: WireEvent): void;
}

function isSynthetic(source: ModelSource): source is string {
  return typeof source === 'string' && source.startsWith('synthetic:');
}

export class Session {
  private engine: Engine | null = null;
  private gpu: Gpu | null = null;
  private threads: (Threads & { close(): void }) | null = null;
  private device: DeviceInfo = { type: 'cpu', name: 'CPU', reason: '' };
  private resolved: Resolved | null = null;
  private readers: Map<string, SyncReader> = new Map();
  private readonly modules = new Map<boolean, Promise<WebAssembly.Module>>();
  private readonly contexts = new Map<number, { nCtx: number; handle: number }>();
  private readonly pictures = new Map<number, Picture>();
  /** Devices that were closed. */
  private readonly leaving: Promise<void>[] = [];
  private serial = 0;
  private lastLoss = -Infinity;

  constructor(private readonly platform: Platform, private readonly source: ModelSource, private readonly options: OpenOptions) {}

  async open(job: JobControl): Promise<Opened> {
    checkDtype(this.options.dtype);
    const chosen = await chooseDevice(this.options, this.platform);
    // Compiles while the files arrive. A failure is told where the module is needed.
    this.module(this.threaded(chosen.device)).catch(() => undefined);
    let found = chosen.found;
    this.device = chosen.device;
    let prepared = await this.obtainEarly(found, job);
    if (prepared === undefined) ({ found, device: this.device } = await chooseDevice(this.options, this.platform));
    for (;;) {
      const failure = await this.start(found, job, prepared ?? null);
      if (failure === null) break;
      if (this.options.device === 'gpu') throw failure;
      found = prepared = null;
      const message = failure.message.replace(/\.$/, '');
      this.device = { type: 'cpu', name: 'CPU', reason: `On the CPU, because the GPU could not be used: ${message}.` };
      job.event({ status: 'notice', message: this.device.reason, device: this.device });
    }
    const info = this.engine!.info();
    if (this.device.type === 'cpu') this.device = { ...this.device, name: info.device };
    else this.device = { ...this.device, reason: `${this.device.reason} Its self-test passed.` };
    return { info, device: this.device, context: this.addContext(this.options.nCtx ?? 0) };
  }

  /** Downloads what is missing and opens the files. */
  private async obtain(job: JobControl, early?: EarlyStart): Promise<void> {
    if (isSynthetic(this.source)) return;
    this.resolved ??= await this.resolve(job);
    this.readers = await obtain(this.resolved, {
      ...this.sourceOptions(job),
      progress: (e) => job.event(e),
      arrived: early && ((name, size, offset, bytes) => early.arrived(name, size, offset, bytes)),
    });
  }

  private sourceOptions(job: JobControl) {
    return { demoUrl: this.platform.models, ...this.options.source, dtype: this.options.dtype, signal: job.signal };
  }

  private resolve(job: JobControl): Promise<Resolved> {
    return resolve(this.source, this.sourceOptions(job));
  }

  /** The same; the GPU is made ready meanwhile. Null where that was not begun, undefined where it failed: the adapter is then spent. */
  private async obtainEarly(found: Found | null, job: JobControl): Promise<Prepared | null | undefined> {
    // (A CPU that plays a GPU compiles for minutes what is used for seconds.)
    if (!found || found.description.software || isSynthetic(this.source)) {
      await this.obtain(job);
      return null;
    }
    this.resolved = await this.resolve(job);
    const early = new EarlyStart(found, this.resolved, this.openParams('gpu'), () => this.module(false), this.engineHost());
    try {
      await this.obtain(job, early);
    } catch (e) {
      this.leaving.push(early.close());
      throw e;
    }
    return early.begun ? (await early.finish(this.readers)) ?? undefined : null;
  }

  private threaded(device: DeviceInfo): boolean {
    return device.type === 'cpu' && this.platform.threads > 1 && (this.options.threads ?? 0) !== 1;
  }

  private module(threads: boolean): Promise<WebAssembly.Module> {
    let module = this.modules.get(threads);
    if (!module) {
      module = this.findModule(threads);
      this.modules.set(threads, module);
    }
    return module;
  }

  /** The one module that is loaded: with relaxed SIMD where this engine has it. */
  private async findModule(threads: boolean): Promise<WebAssembly.Module> {
    const given = threads ? this.options.wasmThreads : this.options.wasm, { platform } = this;
    if (given !== undefined) return compile(given);
    if (hasRelaxedSimd()) {
      try {
        return await compile(await platform.wasm(threads, true));
      } catch {
        // A site that serves the plain modules alone; what else is wrong the plain one will say.
      }
    }
    return compile(await platform.wasm(threads, false));
  }

  /** Loads the model on the GPU that was found, or on the CPU. Null, or why the GPU cannot be used; other failures throw. */
  private async start(found: Found | null, job: JobControl, prepared: Prepared | null = null): Promise<GalagoError | null> {
    if (prepared) {
      this.gpu = prepared.gpu;
      this.engine = prepared.engine;
    } else if (found) {
      const gpu = await openTested(found);
      if (typeof gpu === 'string') return new GalagoError('unsupported', `${found.description.name}: ${gpu}.`);
      this.gpu = gpu;
    } else if (this.threaded(this.device)) {
      await this.startThreads();
    }
    try {
      await this.load(job);
      return null;
    } catch (e) {
      this.stop();
      const gpuFault = found && e instanceof GalagoError && ['unsupported', 'memory', 'device_lost', 'internal'].includes(e.code);
      if (!gpuFault || job.signal.aborted) throw e;
      return e;
    }
  }

  /** Threads are a gain, never a need: where they cannot be had the model runs on one. */
  private async startThreads(): Promise<void> {
    const n = Math.min(this.options.threads || this.platform.threads, this.platform.threads);
    try {
      this.threads = await this.platform.startThreads(await this.module(true), n);
    } catch {
      this.threads = null;
    }
  }

  private engineHost(): Omit<EngineHost, 'files' | 'gpu'> {
    return { threads: this.threads ?? undefined, memoryAvailable: this.platform.memoryAvailable(), yield: () => this.platform.yield() };
  }

  private openParams(device: 'cpu' | 'gpu'): OpenParams {
    const { options, platform } = this;
    return {
      name: isSynthetic(this.source) ? this.source : this.resolved!.main,
      mmproj: this.resolved?.mmproj ?? null,
      device,
      dtype: engineDtype(options.dtype, this.resolved),
      threads: this.threads ? Math.min(options.threads || platform.threads, platform.threads) : 1,
      min_pixels: options.minPixels ?? 0,
      max_pixels: options.maxPixels ?? 0,
      memory_limit: options.memoryLimit ?? 0,
      isa: options.isa ?? 'auto',
    };
  }

  private async load(job: JobControl): Promise<void> {
    const steering = { signal: job.signal, progress: throttled(job) };
    if (!this.engine) {
      this.engine = await Engine.create(await this.module(this.threads !== null), { ...this.engineHost(), files: this.readers, gpu: this.gpu });
      await this.engine.prepare(this.openParams(this.gpu ? 'gpu' : 'cpu'), steering);
    }
    await this.engine.load(steering);
    if (!this.engine.holdsFiles()) this.closeFiles();
  }

  private closeFiles(): void {
    for (const reader of this.readers.values()) reader.close();
    this.readers = new Map();
  }

  /** Ends the engine; contexts and pictures are made again when they are next used. */
  private stop(): void {
    try {
      this.engine?.close();
    } catch {
      // A module that trapped has nothing left to free.
    }
    if (this.gpu) this.leaving.push(this.gpu.close());
    this.threads?.close();
    this.engine = this.gpu = this.threads = null;
    for (const c of this.contexts.values()) c.handle = 0;
    for (const p of this.pictures.values()) p.handle = 0;
  }

  /** Resolves when no device has anything left to say. */
  async close(): Promise<void> {
    this.stop();
    this.closeFiles();
    this.contexts.clear();
    this.pictures.clear();
    await Promise.all(this.leaving);
  }

  private use(): Engine {
    if (!this.engine) throw new GalagoError('device_lost', 'The model is not loaded: the device was lost and could not be had again. Create the pipeline anew.');
    return this.engine;
  }

  // ---- contexts and pictures: numbers that outlive the engine ----

  addContext(nCtx: number): number {
    const id = ++this.serial;
    this.contexts.set(id, { nCtx, handle: 0 });
    return id;
  }
  private context(id: number): number {
    const c = this.contexts.get(id);
    if (!c) throw new GalagoError('argument', 'The conversation was disposed of');
    if (c.handle === 0) c.handle = this.use().contextCreate(c.nCtx);
    return c.handle;
  }
  resetContext(id: number): void {
    const c = this.contexts.get(id);
    if (c?.handle) this.use().contextReset(c.handle);
  }
  removeContext(id: number): void {
    const c = this.contexts.get(id);
    this.contexts.delete(id);
    if (c?.handle) this.engine?.contextDestroy(c.handle);
  }

  private register(decoded: Decoded): { handle: number; width: number; height: number } {
    const engine = this.use();
    if ('file' in decoded) return { handle: engine.imageDecode(decoded.file), width: 0, height: 0 };
    return { handle: engine.imagePixels(decoded.data, decoded.width, decoded.height, decoded.channels), width: decoded.width, height: decoded.height };
  }

  async keep(payload: PicturePayload, signal: AbortSignal): Promise<{ id: number; width: number; height: number }> {
    const began = performance.now();
    const { decoded, source } = await decodePicture(payload, this.platform, signal);
    if (signal.aborted) throw abortError(signal);
    const id = ++this.serial, picture = { ...this.register(decoded), source, ms: performance.now() - began };
    this.pictures.set(id, picture);
    return { id, width: picture.width, height: picture.height };
  }
  release(id: number): void {
    const p = this.pictures.get(id);
    this.pictures.delete(id);
    if (p?.handle) this.engine?.imageFree(p.handle);
  }
  private async handleOf(id: number, signal: AbortSignal): Promise<number> {
    const p = this.pictures.get(id);
    if (!p) throw new GalagoError('argument', 'The picture was released');
    if (p.handle === 0) p.handle = this.register((await decodePicture(p.source, this.platform, signal)).decoded).handle;
    return p.handle;
  }

  // ---- answers ----

  async answer(call: Extract<Call, { op: 'answer' }>, job: JobControl, steering: Pick<Steering, 'interrupted' | 'idle'> & { piece(text: string, ids?: number[]): void | Promise<void> }): Promise<Answer> {
    // Pictures of this call alone are let go when it ends.
    const own: number[] = [], all: number[][] = [];
    let decodeMs = 0;
    try {
      for (const m of call.messages) {
        const ids: number[] = [];
        for (const payload of m.images) {
          const id = payload.kind === 'kept' ? payload.id : (await this.keep(payload, job.signal)).id;
          if (payload.kind !== 'kept') {
            own.push(id);
            decodeMs += this.pictures.get(id)!.ms;
          }
          ids.push(id);
        }
        all.push(ids);
      }
      const result = await this.answerOn(call, all, job, steering);
      result.timings = { ...result.timings, decode_image_ms: decodeMs };
      return result;
    } finally {
      for (const id of own) this.release(id);
    }
  }

  private async answerOn(call: Extract<Call, { op: 'answer' }>, pictures: number[][], job: JobControl, steering: Parameters<Session['answer']>[2]): Promise<Answer> {
    let made: number[] = [], seen = 0, emitted = '';
    const show = throttled(job);
    for (let losses = 0; ; ) {
      let h = 0;
      const engine = this.engine;
      try {
        h = this.context(call.context);
        const messages = [];
        for (const [i, m] of call.messages.entries()) {
          const images = [];
          for (const id of pictures[i]!) images.push(await this.handleOf(id, job.signal));
          messages.push({ role: m.role, text: m.text, images, inline_images: m.inline });
        }
        const request: EngineRequest = { ...call.params, messages, ...(made.length ? { answer_ids: made } : {}) };
        const result = await engine!.answer(h, request, {
          signal: job.signal,
          progress: show,
          interrupted: steering.interrupted,
          idle: steering.idle,
          piece: (text) => {
            emitted += text;
            if (!call.ids) return steering.piece(text);
            const ids = engine!.result(h).token_ids.slice(seen);
            seen += ids.length;
            return steering.piece(text, ids);
          },
        });
        if (result.text.startsWith(emitted) && result.text.length > emitted.length && losses > 0) await steering.piece(result.text.slice(emitted.length));
        return { ...result, ...this.words(engine!, result, call.params.logprobs ?? 0), device: this.device, memory: engine!.memory() };
      } catch (e) {
        if (!engine || job.signal.aborted || !(await this.wasLost(e))) throw e;
        losses++;
        try {
          if (h) made = engine.madeIds(h).length > made.length ? engine.madeIds(h) : made;
        } catch {
          // Nothing could be read any more: the answer is made again behind what was known.
        }
        await this.reopen((this.gpu?.failure?.message ?? 'The GPU device was lost').replace(/\.?$/, '.'), job);
      }
    }
  }

  /** Calls to a device that went away fail in many ways, some of them before the device says so. */
  private async wasLost(e: unknown): Promise<boolean> {
    if (!(e instanceof GalagoError)) return false;
    if (e.code === 'device_lost') return true;
    if (!this.gpu || !['memory', 'internal', 'unsupported'].includes(e.code)) return false;
    await Promise.race([this.gpu.lost, new Promise((resolve) => setTimeout(resolve, LATE_MS))]);
    return this.gpu.failure?.status === Status.DeviceLost;
  }

  /** After a loss: the GPU once more, the CPU when it was lost a moment ago too or cannot be had. */
  private async reopen(cause: string, job: JobControl): Promise<void> {
    const again = performance.now() - this.lastLoss > LOSS_MS;
    this.lastLoss = performance.now();
    this.stop();
    if (this.readers.size === 0) await this.obtain(job);
    let failure = 'it was lost twice within ten minutes';
    if (again) {
      const chosen = await chooseDevice({ ...this.options, device: 'auto' }, this.platform);
      // A software adapter that was asked for by name is asked for again.
      const found = chosen.found ?? (this.options.device === 'gpu' ? (await chooseDevice(this.options, this.platform).catch(() => null))?.found ?? null : null);
      if (found) {
        const refused = await this.start(found, job);
        if (refused === null) {
          this.device = { type: 'gpu', name: found.description.name, reason: 'The GPU was opened again after it was lost.' };
          job.event({ status: 'notice', message: `${cause} It was opened again, and the answer goes on.`, device: this.device });
          return;
        }
        failure = refused.message.replace(/\.$/, '');
      } else failure = chosen.device.reason;
    }
    this.device = { type: 'cpu', name: 'CPU', reason: `On the CPU, because the GPU went away: ${failure}.` };
    if (this.readers.size === 0) await this.obtain(job);
    await this.start(null, job);
    this.device = { ...this.device, name: this.engine!.info().device };
    job.event({ status: 'notice', message: `${cause} The answer goes on on the CPU (${failure}).`, device: this.device });
  }

  /** Texts of ids, for those who asked for logprobs. */
  private words(engine: Engine, result: Answer | { token_ids: number[]; logprobs?: [number, number][][] }, logprobs: number): { tokens?: string[]; candidates?: string[][] } {
    if (!logprobs) return {};
    const text = (id: number): string => engine.detokenize([id], true);
    return { tokens: result.token_ids.map(text), candidates: (result.logprobs ?? []).map((all) => all.map(([id]) => text(id))) };
  }

  // ---- the rest ----

  tokenize(text: string, special: boolean): number[] {
    return this.use().tokenize(text, special);
  }
  detokenize(ids: number[], special: boolean): string {
    return this.use().detokenize(ids, special);
  }
  memory() {
    return this.use().memory();
  }
  logitsHash(context: number): string {
    return this.use().logitsHash(this.context(context));
  }
  loseDevice(): void {
    if (!this.gpu) throw new GalagoError('argument', 'The model is on the CPU: there is no device to lose');
    this.gpu.lose();
  }
}

/** Stages of the engine as events, ten a second at most. */
function throttled(job: JobControl): (stage: string, fraction: number) => void {
  let last = 0, stage = '';
  return (name, fraction) => {
    const now = performance.now();
    if (name === stage && fraction < 1 && now - last < 100) return;
    last = now;
    stage = name;
    if (name === 'load' || name === 'vision' || name === 'prefill') job.event({ status: name, progress: Math.round(fraction * 1000) / 10 });
  };
}
