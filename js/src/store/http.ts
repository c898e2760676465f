// One request at a time, and its failures sorted into those that a repetition may cure and those that it will not.
import { GalagoError, abortError } from '../errors.js';
import type { SourceOptions } from './types.js';

/** A failure that may pass: the connection, a full or overloaded server. */
export class Transient extends Error {
  constructor(message: string, /** Milliseconds that the server asks to wait. */ readonly wait = 0) {
    super(message);
  }
}

/** An answer that a repetition will not change. */
export class Refused extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

export interface Net {
  fetch: typeof fetch;
  signal: AbortSignal | undefined;
  token: string | undefined;
  /** The only origin that is given the token. */
  tokenOrigin: string | undefined;
  stallTimeout: number;
  retries: number;
  retryDelay: number;
}

const atLeast = (value: number | undefined, otherwise: number, least: number, name: string): number => {
  if (value === undefined) return otherwise;
  if (!Number.isFinite(value) || value < least) throw new GalagoError('argument', `${name}: ${value} is not a number from ${least} on`);
  return value;
};

export function netOf(o: SourceOptions, tokenOrigin: string | undefined): Net {
  return {
    // Called as a method of anything but the global object, fetch throws in browsers.
    fetch: o.fetch ?? ((input, init) => globalThis.fetch(input, init)),
    signal: o.signal,
    token: o.token,
    tokenOrigin,
    stallTimeout: atLeast(o.stallTimeout, 30_000, 1, 'stallTimeout'),
    retries: atLeast(o.retries, 6, 0, 'retries'),
    retryDelay: atLeast(o.retryDelay, 500, 0, 'retryDelay'),
  };
}

/** Waits, or rejects as soon as the signal is aborted. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(abortError(signal));
    const stop = () => {
      clearTimeout(timer);
      reject(abortError(signal));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal?.addEventListener('abort', stop, { once: true });
  });
}

/** Milliseconds to wait before repetition `n` (from 0): doubled each time, spread so that tabs do not knock together. */
export function backOff(net: Net, n: number, asked: number): number {
  return Math.max(asked, Math.min(30_000, net.retryDelay * 2 ** n) * (0.75 + Math.random() / 2));
}

/** Retry-After is seconds or a date; more than five minutes is not waited for. */
function retryAfter(response: Response): number {
  const text = response.headers.get('retry-after');
  if (!text) return 0;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), 300_000) : 0;
}

/** Whether a server gives what is at an address. The files of an extension's package (chrome-extension:, moz-extension:)
 * come from the browser itself, and Chromium answers a Range request for one with status 200 and that range alone. */
export const fromServer = (url: string): boolean => /^https?:/i.test(url);

const cancelBody = (response: Response) => void response.body?.cancel().catch(() => {});

/** An answer whose body is read through `chunks`, each wait for bytes bounded. */
export interface Answer {
  response: Response;
  /** Throws Transient when the connection breaks or stands still. */
  chunks(): AsyncGenerator<Uint8Array>;
  text(limit: number): Promise<string>;
  close(): void;
}

/** Sends one request. Answers 2xx (and 416) are returned, all else is thrown: Transient, Refused or the abort's reason. */
export async function send(net: Net, url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  const stop = new AbortController();
  const onAbort = () => stop.abort();
  if (net.signal?.aborted) throw abortError(net.signal);
  net.signal?.addEventListener('abort', onAbort, { once: true });
  let stalled = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const watch = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      stalled = true;
      stop.abort();
    }, net.stallTimeout);
  };
  const close = () => {
    clearTimeout(timer);
    net.signal?.removeEventListener('abort', onAbort);
  };
  const failed = (e: unknown): unknown => {
    if (net.signal?.aborted) return abortError(net.signal);
    if (stalled) return new Transient(`nothing came for ${net.stallTimeout / 1000} s`);
    const cause = e instanceof Error && e.cause instanceof Error ? ` (${e.cause.message})` : '';
    return new Transient(`${e instanceof Error ? e.message : String(e)}${cause}`);
  };
  const authorized = net.token && new URL(url).origin === net.tokenOrigin;
  let response: Response;
  watch();
  try {
    response = await net.fetch(url, {
      method,
      headers: authorized ? { ...headers, authorization: `Bearer ${net.token}` } : headers,
      signal: stop.signal,
      // The store is the cache; a second copy in the browser's own would take the space twice.
      cache: 'no-store',
    });
  } catch (e) {
    close();
    throw failed(e);
  }
  clearTimeout(timer);
  const { status } = response;
  if (!response.ok && status !== 416) {
    close();
    cancelBody(response);
    const detail = response.headers.get('x-error-message') ?? response.statusText;
    const message = `the server answered ${status}${detail ? ` (${detail})` : ''}`;
    if (status === 408 || status === 425 || status === 429 || status >= 500) throw new Transient(message, retryAfter(response));
    throw new Refused(status, message);
  }
  async function* chunks(): AsyncGenerator<Uint8Array> {
    const reader = response.body?.getReader();
    try {
      for (;;) {
        watch();
        let next;
        try {
          next = await reader?.read();
        } catch (e) {
          throw failed(e);
        }
        clearTimeout(timer);
        if (!next || next.done) return;
        yield next.value;
      }
    } finally {
      close();
      void reader?.cancel().catch(() => {});
    }
  }
  return {
    response,
    chunks,
    close() {
      close();
      cancelBody(response);
      stop.abort();
    },
    async text(limit) {
      const decoder = new TextDecoder();
      let text = '', size = 0;
      for await (const chunk of chunks()) {
        size += chunk.length;
        if (size > limit) throw new Refused(200, `the answer is longer than ${limit} bytes`);
        text += decoder.decode(chunk, { stream: true });
      }
      return text + decoder.decode();
    },
  };
}

/** Repeats `work` while it fails in ways that may pass. */
export async function retrying<T>(net: Net, work: () => Promise<T>): Promise<T> {
  for (let n = 0; ; n++) {
    try {
      return await work();
    } catch (e) {
      if (!(e instanceof Transient) || n >= net.retries) throw e;
      await sleep(backOff(net, n, e.wait), net.signal);
    }
  }
}

/** The error that a user of the package sees for a failed request of `what`. */
export function networkError(what: string, e: unknown): unknown {
  if (e instanceof Refused) {
    const advice =
      e.status === 401 ? 'it is private, gated or not there: check the name, or pass a token that may read it'
      : e.status === 403 ? 'the token given may not read it: accept the terms of the model on its page, or pass another token'
      : e.status === 404 ? 'it is not there: check the name and the revision'
      : 'check the address';
    return new GalagoError('network', `${what}: ${e.message}; ${advice}`, { cause: e });
  }
  if (e instanceof Transient) {
    return new GalagoError('network', `${what}: ${e.message}; check the connection and try again`, { cause: e });
  }
  return e;
}

/** What identifies a version of a file: its ETag (weak and strong alike), else the time of its last change. */
export function versionOf(response: Response): string | undefined {
  const etag = response.headers.get('etag')?.replace(/^W\//, '');
  return etag || response.headers.get('last-modified') || undefined;
}

export interface Probe {
  /** -1 where the server does not tell. */
  size: number;
  version: string | undefined;
  /** Where redirections led. */
  url: string;
}

/** Size and version of a file, without its content: a request for its first byte, because a HEAD's length may be that of
 * a compressed answer. Undefined where there is no such file (404, 410). */
export async function probe(net: Net, url: string): Promise<Probe | undefined> {
  return retrying(net, async () => {
    let a: Answer;
    try {
      a = await send(net, url, fromServer(url) ? { range: 'bytes=0-0' } : {});
    } catch (e) {
      if (e instanceof Refused && (e.status === 404 || e.status === 410)) return undefined;
      // A file that a package does not hold fails as a broken connection would.
      if (e instanceof Transient && !fromServer(url)) return undefined;
      throw e;
    }
    a.close();
    const { response } = a;
    const range = /\/(\d+)$/.exec(response.headers.get('content-range') ?? '');
    let size = range ? Number(range[1]) : -1;
    if (size < 0 && response.status === 200 && !response.headers.get('content-encoding')) size = lengthOf(response);
    // Another origin that does not expose Content-Range: the length of the whole is one that every page may see.
    if (size < 0 && response.status === 206) {
      const head = await send(net, url, {}, 'HEAD').catch((e: unknown) => {
        if (net.signal?.aborted) throw e;
        return undefined;
      });
      if (head) {
        head.close();
        size = lengthOf(head.response);
      }
    }
    return { size, version: versionOf(response), url: response.url || url };
  });
}

export function lengthOf(response: Response): number {
  const text = response.headers.get('content-length');
  return text && /^\d+$/.test(text) ? Number(text) : -1;
}
