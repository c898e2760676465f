// The GPU border of the engine: the import module "gpu" (src/backend/webgpu/gpu.h) over a GPUDevice. Handles are indexes into
// arrays, 0 = none. No call waits and none throws: the first error is kept for `status`. The structs of gpu.h are read where
// they lie in wasm memory, as 32-bit words.

import { Status } from './wasm.js';

const enum Command { Dispatch, Copy, Clear, Write }
/** Words of struct gpu_command, gpu_binding, gpu_constant; characters of gpu_info.name. */
const COMMAND_WORDS = 8, BINDING_WORDS = 3, CONSTANT_WORDS = 2, INFO_WORDS = 12, NAME_BYTES = 96;
/** Of a query set, by the WebGPU specification. */
const MAX_QUERIES = 4096;
/** Bytes of queue.writeBuffer that may wait unsubmitted before `progress` makes the device take them: they are copies in memory. */
const WRITE_LIMIT = 64 << 20;
/** Pipelines that a device compiles at once: as many as have a processor each on most machines. */
const COMPILING = 8;

interface Pipeline { object: GPUComputePipeline | null; layout: GPUBindGroupLayout | null; label: string; settled: boolean /* compiled or refused */ }
interface Group { pipeline: number; bindings: Uint32Array; object: GPUBindGroup | null }
interface Read { staging: GPUBuffer; size: number; state: 'pending' | 'ready' | 'failed'; cancelled: boolean }
interface Profile { sets: GPUQuerySet[]; used: number; capacity: number; staging: GPUBuffer[]; ready: boolean; ending: boolean /* what is submitted now is not timed any more */ }

/** Objects by small numbers; 0 is never given out. */
class Handles<T> {
  private readonly items: (T | null)[] = [null];
  private readonly free: number[] = [];
  add(item: T): number {
    const h = this.free.pop() ?? this.items.length;
    this.items[h] = item;
    return h;
  }
  get(h: number): T | null {
    return this.items[h] ?? null;
  }
  remove(h: number): T | null {
    const item = this.items[h] ?? null;
    if (item) {
      this.items[h] = null;
      this.free.push(h);
    }
    return item;
  }
  get count(): number {
    return this.items.length - 1 - this.free.length;
  }
}

export interface GpuDescription {
  name: string;
  software: boolean;
  subgroupMin: number;
  subgroupMax: number;
  /** WGSL's packed_4x8_integer_dot_product. */
  dot8: boolean;
}

export class Gpu {
  /** Set when the module is instantiated. */
  memory: WebAssembly.Memory | null = null;
  /** Bytes of all buffers that the engine holds, and how many they are. Staging buffers for reads are extra: see stagingBytes. */
  bytes = 0;
  peakBytes = 0;
  stagingBytes = 0;
  /** Submits, reads and pipelines begun so far: tells whether a call gave the device something to do. */
  work = 0;
  readonly lost: Promise<string>;

  private words = new Uint32Array(0);
  private readonly buffers = new Handles<GPUBuffer>();
  private readonly pipelines = new Handles<Pipeline>();
  private readonly groups = new Handles<Group>();
  private readonly reads = new Handles<Read>();
  private readonly modules = new Map<string, GPUShaderModule>();
  private readonly staging = new Map<number, GPUBuffer[]>();
  /** Pipelines that the device was not asked for yet, and how many it is at. */
  private readonly uncompiled: { pipeline: Pipeline; descriptor: GPUComputePipelineDescriptor }[] = [];
  private compiling = 0;
  /** The pipeline that the engine waits for. */
  private awaited: Pipeline | null = null;
  private submitted = 0;
  private finished = 0;
  private unsubmitted = 0;
  private error: { status: Status; message: string } | null = null;
  private waiters: (() => void)[] = [];
  private profile: Profile | null = null;
  private closed = false;
  /** Promises of the device that are open; and who waits until none is. */
  private promises = 0;
  private settled: (() => void) | null = null;
  private ending: Promise<void> | null = null;
  private readonly queue: GPUQueue;
  private readonly text = new TextDecoder();

  constructor(readonly device: GPUDevice, readonly description: GpuDescription) {
    this.queue = device.queue;
    device.onuncapturederror = (event: GPUUncapturedErrorEvent) => {
      const memory = event.error.constructor.name === 'GPUOutOfMemoryError';
      this.fail(memory ? Status.Memory : Status.Internal, event.error.message);
    };
    this.lost = this.track(device.lost).then((info) => {
      const message = `The GPU device was lost: ${info.message || info.reason || 'no reason given'}`;
      if (!this.closed) this.fail(Status.DeviceLost, message);
      return message;
    });
  }

  /** Kernels, by their constants, whose compilation was begun. */
  get pipelineCount(): number {
    return this.pipelines.count;
  }
  get bufferCount(): number {
    return this.buffers.count;
  }
  /** Something is under way whose end `progress` will tell. */
  get busy(): boolean {
    return this.awaited?.settled === false || this.finished < this.submitted || this.reads.count > 0 || this.unsubmitted > WRITE_LIMIT;
  }
  get failure(): { status: Status; message: string } | null {
    return this.error;
  }

  /** Resolves at the next event: work finished, bytes arrived, a pipeline compiled, an error. Call only while `busy`. */
  progress(): Promise<void> {
    if (this.error) return Promise.resolve();
    if (this.unsubmitted > WRITE_LIMIT) {
      this.unsubmitted = 0;
      return this.track(this.queue.onSubmittedWorkDone()).then(undefined, () => undefined);
    }
    return new Promise((resolve) => this.waiters.push(resolve));
  }

  /** Frees everything on the device. Resolves when it has nothing left to say: Dawn in Node.js must not be left before. */
  close(): Promise<void> {
    this.closed = true;
    this.uncompiled.length = 0;
    return (this.ending ??= new Promise((resolve) => {
      this.settled = resolve;
      this.device.destroy();
      this.notify();
      if (this.promises === 0) resolve();
    }));
  }

  private track<T>(promise: Promise<T>): Promise<T> {
    this.promises++;
    const end = (): void => {
      if (--this.promises === 0) this.settled?.();
    };
    promise.then(end, end);
    return promise;
  }

  /** Makes the device be lost as a driver's reset would: for tests. */
  lose(): void {
    this.device.destroy();
  }

  private notify(): void {
    const waiting = this.waiters;
    if (waiting.length === 0) return;
    this.waiters = [];
    for (const resolve of waiting) resolve();
  }

  private fail(status: Status, message: string): void {
    // A lost device explains every error before it and makes them worthless.
    if (!this.error || (status === Status.DeviceLost && this.error.status !== Status.DeviceLost)) this.error = { status, message };
    this.notify();
  }

  private view(): Uint32Array {
    if (this.words.buffer !== this.memory!.buffer) this.words = new Uint32Array(this.memory!.buffer);
    return this.words;
  }

  private string(ptr: number, size: number): string {
    const bytes = new Uint8Array(this.memory!.buffer, ptr, size);
    // Decoders refuse shared memory.
    return this.text.decode(this.memory!.buffer instanceof ArrayBuffer ? bytes : bytes.slice());
  }

  private terminated(ptr: number): string {
    const bytes = new Uint8Array(this.memory!.buffer);
    let end = ptr;
    while (bytes[end] !== 0) end++;
    return this.string(ptr, end - ptr);
  }

  /** The functions of gpu.h under their import names. */
  imports(): Record<string, (...args: number[]) => number | void> {
    return {
      info: (out) => this.writeInfo(out!),
      buffer_create: (low, high) => this.createBuffer((low! >>> 0) + (high! >>> 0) * 2 ** 32),
      buffer_destroy: (b) => {
        const buffer = this.buffers.remove(b!);
        if (!buffer) return;
        this.bytes -= buffer.size;
        buffer.destroy();
      },
      write: (b, low, high, ptr, size) => {
        const buffer = this.buffers.get(b!);
        if (!buffer || this.error) return;
        const offset = (low! >>> 0) + (high! >>> 0) * 2 ** 32;
        this.guard(() => this.queue.writeBuffer(buffer, offset, this.memory!.buffer, ptr! >>> 0, size! >>> 0));
        this.unsubmitted += size! >>> 0;
      },
      pipeline_create: (label, wgsl, size, constants, n) => this.createPipeline(label! >>> 0, wgsl! >>> 0, size!, constants! >>> 0, n!),
      pipeline_ready: (p) => {
        const pipeline = this.pipelines.get(p!), ready = !pipeline || pipeline.settled || this.error !== null;
        this.awaited = ready ? null : pipeline;
        // What is waited for goes first.
        const at = ready ? -1 : this.uncompiled.findIndex((x) => x.pipeline === pipeline);
        if (at > 0) this.uncompiled.unshift(...this.uncompiled.splice(at, 1));
        return ready ? 1 : 0;
      },
      group_create: (pipeline, bindings, n) => {
        const from = bindings! >>> 2;
        return this.groups.add({ pipeline: pipeline!, bindings: this.view().slice(from, from + n! * BINDING_WORDS), object: null });
      },
      group_destroy: (g) => void this.groups.remove(g!),
      submit: (commands, n) => {
        if (!this.error) this.guard(() => this.submit(commands! >>> 2, n!));
      },
      in_flight: () => this.submitted - this.finished,
      read_begin: (b, offset, size) => this.beginRead(b!, offset! >>> 0, size! >>> 0),
      read_poll: (t, dst, size) => this.pollRead(t!, dst! >>> 0, size! >>> 0),
      read_cancel: (t) => {
        const read = this.reads.remove(t!);
        if (!read) return;
        read.cancelled = true;
        if (read.state !== 'pending') this.recycle(read);
      },
      wait: () => 0,
      status: (message, capacity) => this.writeStatus(message! >>> 0, capacity! >>> 0),
      profile_begin: (max) => this.beginProfile(max!),
      profile_end: (ns, capacity, n) => this.endProfile(ns! >>> 0, capacity!, n! >>> 0),
    };
  }

  /** WebGPU throws where arguments are wrong in type or range; the engine learns of it as of any other failure. */
  private guard(call: () => void): void {
    try {
      call();
    } catch (e) {
      this.fail(Status.Internal, e instanceof Error ? e.message : String(e));
    }
  }

  private writeInfo(ptr: number): void {
    const { limits, features } = this.device, d = this.description, at = ptr >>> 2;
    const mib = (n: number): number => Math.min(Math.floor(n / 2 ** 20), 0xffffffff);
    const has = (name: string): number => (features.has(name as GPUFeatureName) ? 1 : 0);
    const words = [
      has('subgroups'), d.subgroupMin, d.subgroupMax, has('shader-f16'), d.dot8 ? 1 : 0, has('timestamp-query'),
      mib(limits.maxBufferSize), mib(limits.maxStorageBufferBindingSize), limits.maxComputeInvocationsPerWorkgroup,
      limits.maxComputeWorkgroupStorageSize, limits.maxStorageBuffersPerShaderStage, d.software ? 1 : 0,
    ];
    this.view().set(words, at);
    const name = new Uint8Array(this.memory!.buffer, ptr + INFO_WORDS * 4, NAME_BYTES).fill(0);
    const bytes = new TextEncoder().encode(d.name.slice(0, NAME_BYTES / 2));
    name.set(bytes.subarray(0, NAME_BYTES - 1));
  }

  private writeStatus(ptr: number, capacity: number): number {
    if (!this.error) return Status.Ok;
    if (capacity > 0) {
      const bytes = new TextEncoder().encode(this.error.message).subarray(0, capacity - 1);
      const to = new Uint8Array(this.memory!.buffer, ptr, capacity);
      to.set(bytes);
      to[bytes.length] = 0;
    }
    return this.error.status;
  }

  private createBuffer(size: number): number {
    if (this.error || size > this.device.limits.maxBufferSize) return 0;
    try {
      const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST | GPUBufferUsage.UNIFORM;
      const buffer = this.device.createBuffer({ size, usage });
      this.bytes += size;
      this.peakBytes = Math.max(this.peakBytes, this.bytes);
      return this.buffers.add(buffer);
    } catch {
      return 0;
    }
  }

  private createPipeline(labelPtr: number, wgslPtr: number, wgslSize: number, constantsPtr: number, n: number): number {
    const label = this.terminated(labelPtr), code = this.string(wgslPtr, wgslSize);
    const words = this.view(), floats = new Float32Array(this.memory!.buffer), constants: Record<string, number> = {};
    for (let i = 0; i < n; i++) {
      const at = (constantsPtr >>> 2) + i * CONSTANT_WORDS;
      constants[this.terminated(words[at]!)] = floats[at + 1]!;
    }
    const pipeline: Pipeline = { object: null, layout: null, label, settled: false };
    const handle = this.pipelines.add(pipeline);
    this.work++;
    let module = this.modules.get(code);
    if (!module) {
      module = this.device.createShaderModule({ label, code });
      this.modules.set(code, module);
    }
    this.uncompiled.push({ pipeline, descriptor: { label, layout: 'auto', compute: { module, entryPoint: 'main', constants } } });
    this.compile();
    return handle;
  }

  /** Has the device compile what waits, a few at a time: what it was given it finishes, also after `close`. */
  private compile(): void {
    while (!this.closed && this.compiling < COMPILING && this.uncompiled.length > 0) {
      const { pipeline, descriptor } = this.uncompiled.shift()!;
      this.compiling++;
      this.track(this.device.createComputePipelineAsync(descriptor)).then(
        (object) => {
          pipeline.object = object;
        },
        (e: unknown) => this.fail(Status.Internal, `Kernel ${pipeline.label}: ${e instanceof Error ? e.message : String(e)}`),
      ).then(() => {
        pipeline.settled = true;
        this.compiling--;
        this.compile();
        this.notify();
      });
    }
  }

  private bindGroup(g: Group, pipeline: Pipeline): GPUBindGroup {
    pipeline.layout ??= pipeline.object!.getBindGroupLayout(0);
    const entries: GPUBindGroupEntry[] = [];
    for (let i = 0; i * BINDING_WORDS < g.bindings.length; i++) {
      const at = i * BINDING_WORDS, size = g.bindings[at + 2]!;
      const buffer = this.buffers.get(g.bindings[at]!);
      if (!buffer) throw new Error(`Kernel ${pipeline.label}: binding ${i} has no buffer`);
      entries.push({ binding: i, resource: { buffer, offset: g.bindings[at + 1]!, size: size || undefined } });
    }
    return this.device.createBindGroup({ label: pipeline.label, layout: pipeline.layout, entries });
  }

  private submit(at: number, n: number): void {
    const words = this.view(), encoder = this.device.createCommandEncoder();
    let pass: GPUComputePassEncoder | null = null, current = 0;
    for (const end = at + n * COMMAND_WORDS; at < end; at += COMMAND_WORDS) {
      const kind = words[at]! as Command;
      if (kind === Command.Dispatch) {
        const pipeline = this.pipelines.get(words[at + 1]!), group = this.groups.get(words[at + 2]!);
        if (!pipeline?.object || !group) throw new Error(`Dispatch of kernel ${pipeline?.label ?? words[at + 1]} before it was compiled`);
        if (this.profile && !this.profile.ending) {
          pass?.end();
          pass = this.timedPass(encoder);
          current = 0;
        }
        pass ??= encoder.beginComputePass();
        if (current !== words[at + 1]) {
          pass.setPipeline(pipeline.object);
          current = words[at + 1]!;
        }
        pass.setBindGroup(0, (group.object ??= this.bindGroup(group, pipeline)));
        pass.dispatchWorkgroups(words[at + 3]!, words[at + 4]!, words[at + 5]!);
        continue;
      }
      pass?.end();
      pass = null;
      current = 0;
      if (kind === Command.Copy) {
        const src = this.buffers.get(words[at + 1]!), dst = this.buffers.get(words[at + 3]!);
        if (!src || !dst) throw new Error('Copy without a buffer');
        encoder.copyBufferToBuffer(src, words[at + 2]!, dst, words[at + 4]!, words[at + 5]!);
      } else if (kind === Command.Clear) {
        const buffer = this.buffers.get(words[at + 1]!);
        if (!buffer) throw new Error('Clear without a buffer');
        encoder.clearBuffer(buffer, words[at + 2]!, words[at + 3]!);
      } else {
        throw new Error(`GPU command ${kind} is unknown: galago.wasm and the package's JavaScript are of different versions`);
      }
    }
    pass?.end();
    this.send(encoder.finish());
  }

  private send(commands: GPUCommandBuffer): void {
    this.queue.submit([commands]);
    this.work++;
    this.unsubmitted = 0;
    const serial = ++this.submitted;
    this.track(this.queue.onSubmittedWorkDone()).then(() => this.finish(serial), () => undefined);
  }

  /** Submits finish in order. */
  private finish(serial: number): void {
    if (serial > this.finished) this.finished = serial;
    this.notify();
  }

  private beginRead(b: number, offset: number, size: number): number {
    const buffer = this.buffers.get(b);
    if (!buffer || this.error) return 0;
    let length = 256;
    while (length < size) length *= 2;
    let staging: GPUBuffer | undefined = this.staging.get(length)?.pop();
    try {
      if (!staging) {
        staging = this.device.createBuffer({ size: length, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
        this.stagingBytes += length;
      }
      const encoder = this.device.createCommandEncoder();
      encoder.copyBufferToBuffer(buffer, offset, staging, 0, size);
      this.queue.submit([encoder.finish()]);
    } catch (e) {
      this.fail(Status.Internal, e instanceof Error ? e.message : String(e));
      return 0;
    }
    this.work++;
    this.unsubmitted = 0;
    const read: Read = { staging, size, state: 'pending', cancelled: false };
    const serial = this.submitted;
    this.track(staging.mapAsync(GPUMapMode.READ, 0, size)).then(
      () => {
        read.state = 'ready';
        if (read.cancelled) this.recycle(read);
        // What was submitted before the copy is finished too, whatever onSubmittedWorkDone says and when.
        this.finish(serial);
      },
      (e: unknown) => {
        if (this.closed || read.cancelled) read.state = 'failed';
        else this.refuse(read, e);
      },
    );
    return this.reads.add(read);
  }

  private pollRead(t: number, dst: number, size: number): number {
    const read = this.reads.get(t);
    if (!read) return this.error?.status ?? Status.Internal;
    if (read.state !== 'ready') return this.error?.status ?? Status.Pending;
    let bytes: ArrayBuffer;
    try {
      bytes = read.staging.getMappedRange(0, read.size);
    } catch (e) {
      this.refuse(read, e);
      return Status.Pending;
    }
    this.reads.remove(t);
    new Uint8Array(this.memory!.buffer, dst, size).set(new Uint8Array(bytes, 0, size));
    this.recycle(read);
    return Status.Ok;
  }

  /**
   * A read that fails. Nothing here unmaps a buffer before its bytes were taken, so one that is unmapped, or whose mapping is told as aborted,
   * belongs to a lost device. `device.lost` may tell of it much later, as in Firefox; it is given a moment, since it knows why.
   */
  private refuse(read: Read, e: unknown): void {
    const fault = read.state === 'pending' && (e as Partial<Error> | null)?.name !== 'AbortError', why = e instanceof Error ? e.message : String(e);
    read.state = 'failed';
    setTimeout(() => this.fail(fault ? Status.Internal : Status.DeviceLost, `${fault ? "The GPU's bytes cannot be read" : 'The GPU device was lost'}: ${why}`), 100);
  }

  private recycle(read: Read): void {
    if (read.state !== 'ready') return;
    read.staging.unmap();
    const length = read.staging.size, pool = this.staging.get(length);
    if (pool) pool.push(read.staging);
    else this.staging.set(length, [read.staging]);
  }

  private beginProfile(max: number): void {
    if (!this.device.features.has('timestamp-query')) return;
    const sets: GPUQuerySet[] = [], queries = Math.max(2, 2 * max);
    for (let left = queries; left > 0; left -= MAX_QUERIES)
      sets.push(this.device.createQuerySet({ type: 'timestamp', count: Math.min(left, MAX_QUERIES) }));
    this.profile = { sets, used: 0, capacity: queries, staging: [], ready: false, ending: false };
  }

  private timedPass(encoder: GPUCommandEncoder): GPUComputePassEncoder {
    const p = this.profile!;
    if (p.used + 2 > p.capacity) return encoder.beginComputePass();
    const querySet = p.sets[Math.floor(p.used / MAX_QUERIES)]!, at = p.used % MAX_QUERIES;
    p.used += 2;
    return encoder.beginComputePass({ timestampWrites: { querySet, beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 } });
  }

  private endProfile(ns: number, capacity: number, n: number): number {
    const p = this.profile;
    if (!p) {
      this.view()[n >>> 2] = 0;
      return Status.Ok;
    }
    if (this.error) return this.error.status;
    if (!p.ending) {
      p.ending = true;
      const encoder = this.device.createCommandEncoder(), resolved: GPUBuffer[] = [];
      p.sets.forEach((set, i) => {
        const count = Math.min(p.used - i * MAX_QUERIES, MAX_QUERIES);
        if (count <= 0) return;
        const size = count * 8;
        const buffer = this.device.createBuffer({ size, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC });
        const staging = this.device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
        encoder.resolveQuerySet(set, 0, count, buffer, 0);
        encoder.copyBufferToBuffer(buffer, 0, staging, 0, size);
        resolved.push(buffer);
        p.staging.push(staging);
      });
      this.send(encoder.finish());
      Promise.all(p.staging.map((s) => this.track(s.mapAsync(GPUMapMode.READ)))).then(() => {
        for (const b of resolved) b.destroy();
        p.ready = true;
        this.notify();
      }, () => undefined);
      return Status.Pending;
    }
    if (!p.ready) return Status.Pending;
    const out = new Float64Array(this.memory!.buffer, ns, capacity);
    let written = 0;
    for (const staging of p.staging) {
      const times = new BigUint64Array(staging.getMappedRange());
      for (let i = 0; i + 1 < times.length && written < capacity; i += 2) out[written++] = Number(times[i + 1]! - times[i]!);
      staging.destroy();
    }
    for (const set of p.sets) set.destroy();
    this.view()[n >>> 2] = written;
    this.profile = null;
    return Status.Ok;
  }
}
