// The one error class of the package. `code` is the engine's status (include/galago.h) or one of the host's own.

export type GalagoErrorCode =
  | 'argument' // the caller's mistake: an option out of range, a prompt longer than the context
  | 'io' // a file could not be opened or read
  | 'format' // a file is damaged or not what it claims to be
  | 'unsupported' // a valid file or browser that lacks what is needed
  | 'memory' // not enough memory, or a limit of the device
  | 'device_lost' // the device went away and could not be had again
  | 'internal' // a fault in Galago itself
  | 'cancelled' // stopped by the caller, other than through an AbortSignal
  | 'network' // a download failed
  | 'storage'; // the browser's storage refused

/** Every failure of the package but an abort, which is a DOMException named AbortError. The message names the thing and says what to do. */
export class GalagoError extends Error {
  override readonly name = 'GalagoError';
  constructor(
    readonly code: GalagoErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/** What an aborted call rejects with, unless the signal carries a reason of its own. */
export function abortError(signal?: AbortSignal): unknown {
  return signal?.reason ?? new DOMException('The call was aborted.', 'AbortError');
}

/** An error as it crosses from the worker to the page. */
export interface WireError {
  kind: 'galago' | 'abort' | 'other';
  code: GalagoErrorCode;
  message: string;
  stack?: string;
}

export function toWire(e: unknown): WireError {
  // The message says where and why; a stack of the worker's would hide the caller's.
  if (e instanceof GalagoError) return { kind: 'galago', code: e.code, message: e.message };
  if (e instanceof DOMException && e.name === 'AbortError') return { kind: 'abort', code: 'cancelled', message: e.message };
  const message = e instanceof Error ? e.message : String(e);
  // An allocation of the JavaScript engine that fails is a RangeError.
  const code = e instanceof RangeError && /alloc|memory|length/i.test(message) ? 'memory' : 'internal';
  return { kind: 'other', code, message, stack: e instanceof Error ? e.stack : undefined };
}

export function fromWire(w: WireError): Error {
  if (w.kind === 'abort') return new DOMException(w.message, 'AbortError');
  const e = new GalagoError(w.code, w.message);
  if (w.stack) e.stack = w.stack;
  return e;
}
