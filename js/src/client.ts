// The page's side of rpc.ts: requests out, promises back. The page's thread posts and does nothing else.

import { abortError, fromWire, GalagoError, toWire } from './errors.js';
import type { Pixels } from './picture.js';
import type { Call, FromWorker, Port, Results, ToWorker, WireEvent } from './rpc.js';

export interface Watch {
  signal?: AbortSignal;
  event?(e: WireEvent): void;
  /** In lockstep the worker waits until this returns. */
  piece?(text: string, ids: number[] | undefined): void;
}

/** What a client needs from where it runs. */
export interface Connection {
  port: Port<ToWorker, FromWorker>;
  /** Calls `on` when the worker cannot be started or ends by itself. */
  failed(on: (error: GalagoError) => void): void;
  terminate(): void;
  /** Calls are under way, or none is: a process may end while none is. */
  busy?(on: boolean): void;
}

/** Decodes on the page where the worker has no canvas. */
export type PageDecoder = (source: Blob | ImageBitmap | VideoFrame) => Promise<Pixels>;

interface Pending {
  op: Call['op'];
  watch: Watch;
  lockstep: boolean;
  resolve(value: unknown): void;
  reject(reason: unknown): void;
  off(): void;
}

/** A running call: its promise, and a way to end it early with what there is. */
export interface Running<T> {
  result: Promise<T>;
  interrupt(): void;
}

export const disposedOf = (): GalagoError => new GalagoError('argument', 'The pipeline was disposed of. Create a new one.');

export class Client {
  private readonly pending = new Map<number, Pending>();
  private next = 0;
  private gone: GalagoError | null = null;

  constructor(private readonly connection: Connection, decode?: PageDecoder) {
    connection.failed((error) => this.fail(error));
    connection.port.listen((message) => {
      if ('decode' in message) void this.decode(message.id, message.decode, decode);
      else this.receive(message);
    });
  }

  /** Ends the worker; calls under way are refused with `error`. */
  terminate(error = disposedOf()): void {
    this.fail(error);
    this.connection.terminate();
  }

  /** Ends all calls under way; the worker stays. */
  refuse(error: GalagoError): void {
    for (const id of [...this.pending.keys()]) {
      this.connection.port.post({ id, abort: true });
      this.settle(id)?.reject(error);
    }
  }

  call<Op extends Call['op']>(call: Extract<Call, { op: Op }>, watch: Watch = {}, transfer: Transferable[] = []): Promise<Results[Op]> {
    return this.start(call, watch, transfer).result;
  }

  start<Op extends Call['op']>(call: Extract<Call, { op: Op }>, watch: Watch = {}, transfer: Transferable[] = []): Running<Results[Op]> {
    const id = ++this.next, { port } = this.connection, { signal } = watch;
    const result = new Promise<Results[Op]>((resolve, reject) => {
      if (this.gone) return reject(this.gone);
      if (signal?.aborted) return reject(abortError(signal));
      const onAbort = (): void => {
        port.post({ id, abort: true });
        this.settle(id)?.reject(abortError(signal));
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      const off = (): void => signal?.removeEventListener('abort', onAbort);
      const lockstep = call.op === 'answer' && (call as Extract<Call, { op: 'answer' }>).lockstep;
      if (this.pending.size === 0) this.connection.busy?.(true);
      this.pending.set(id, { op: call.op, watch, lockstep, resolve: resolve as (value: unknown) => void, reject, off });
      try {
        port.post({ id, call }, transfer);
      } catch (e) {
        this.settle(id)?.reject(new GalagoError('argument', `The call cannot be sent to the worker: ${e instanceof Error ? e.message : String(e)}`));
      }
    });
    return { result, interrupt: () => this.pending.has(id) && port.post({ id, interrupt: true }) };
  }

  private settle(id: number): Pending | undefined {
    const p = this.pending.get(id);
    this.pending.delete(id);
    if (p && this.pending.size === 0) this.connection.busy?.(false);
    p?.off();
    return p;
  }

  private fail(error: GalagoError): void {
    this.gone ??= error;
    for (const id of [...this.pending.keys()]) this.settle(id)?.reject(this.gone);
  }

  private receive(message: Exclude<FromWorker, { decode: unknown }>): void {
    if ('result' in message) {
      this.settle(message.id)?.resolve(message.result);
    } else if ('error' in message) {
      this.settle(message.id)?.reject(fromWire(message.error));
    } else {
      const p = this.pending.get(message.id);
      if (!p) return;
      // What the caller's own functions throw is the caller's: it ends the call.
      try {
        if ('event' in message) p.watch.event?.(message.event);
        else p.watch.piece?.(message.piece, message.ids);
      } catch (e) {
        this.connection.port.post({ id: message.id, abort: true });
        this.settle(message.id)?.reject(e);
        return;
      }
      if ('piece' in message && p.lockstep) this.connection.port.post({ id: message.id, go: true });
    }
  }

  private async decode(id: number, source: Blob | ImageBitmap | VideoFrame, decode: PageDecoder | undefined): Promise<void> {
    try {
      if (!decode) throw new GalagoError('unsupported', 'The picture cannot be decoded here');
      const pixels = await decode(source);
      this.connection.port.post({ id, decoded: { kind: 'pixels', ...pixels } }, [pixels.data.buffer as ArrayBuffer]);
    } catch (e) {
      this.connection.port.post({ id, decoded: toWire(e) });
    }
  }
}
