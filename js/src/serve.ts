// The worker's side of rpc.ts: requests come in, run one after another on the one engine, and can be aborted at any time.

import { abortError, fromWire, GalagoError, toWire, type WireError } from './errors.js';
import type { Pixels } from './picture.js';
import type { Platform } from './platform.js';
import { probe } from './probe.js';
import type { Call, FromWorker, Port, Results, ToWorker, WireEvent } from './rpc.js';
import { Session } from './session.js';

/** Milliseconds between two posts of an answer's text. Tokens that a GPU hands over together make one message, not thirty. */
const POST_MS = 1;

interface Job {
  controller: AbortController;
  interrupted: boolean;
  /** Resolves when the page has looked at a piece, in lockstep. */
  go: (() => void) | null;
}

/** Lets the page decode what the worker cannot. */
export type AskPage = (source: Blob | ImageBitmap | VideoFrame) => Promise<Pixels>;

/** The result ends what is under way and gives everything back; it resolves when the worker may be left. */
export function serve(port: Port<FromWorker, ToWorker>, makePlatform: (askPage: AskPage) => Platform): () => Promise<void> {
  const jobs = new Map<number, Job>(), asked = new Map<number, (answer: Pixels | WireError) => void>();
  let session: Session | null = null, queue: Promise<unknown> = Promise.resolve(), questions = 0;

  const platform = makePlatform((source) => new Promise((resolve, reject) => {
    const id = ++questions;
    asked.set(id, (answer) => {
      asked.delete(id);
      if ('message' in answer) reject(fromWire(answer));
      else resolve(answer);
    });
    port.post({ id, decode: source }, source instanceof Blob ? [] : [source as unknown as Transferable]);
  }));

  const leaving: Promise<void>[] = [];
  const close = (): void => {
    if (session) leaving.push(session.close());
    session = null;
  };

  const opened = (): Session => {
    if (!session) throw new GalagoError('argument', 'No model is open: the pipeline was disposed of');
    return session;
  };

  async function run(id: number, call: Call, job: Job): Promise<Results[Call['op']]> {
    const event = (e: WireEvent): void => port.post({ id, event: e });
    const control = { signal: job.controller.signal, event };
    switch (call.op) {
      case 'probe':
        return probe(call.source, call.options, platform, control.signal);
      case 'open': {
        close();
        session = new Session(platform, call.source, call.options);
        try {
          return await session.open(control);
        } catch (e) {
          close();
          throw e;
        }
      }
      case 'answer':
        return answer(id, call, job, event);
      case 'keep':
        return opened().keep(call.picture, control.signal);
      case 'release':
        session?.release(call.picture);
        return null;
      case 'context':
        return opened().addContext(call.nCtx);
      case 'context_reset':
        opened().resetContext(call.context);
        return null;
      case 'context_destroy':
        session?.removeContext(call.context);
        return null;
      case 'tokenize':
        return opened().tokenize(call.text, call.special);
      case 'detokenize':
        return opened().detokenize(call.ids, call.special);
      case 'memory':
        return opened().memory();
      case 'logits_hash':
        return opened().logitsHash(call.context);
      case 'lose_device':
        opened().loseDevice();
        return null;
      case 'close':
        close();
        return null;
    }
  }

  async function answer(id: number, call: Extract<Call, { op: 'answer' }>, job: Job, event: (e: WireEvent) => void) {
    let text = '', ids: number[] = [], posted = -Infinity;
    const flush = (): void => {
      if (text === '' && ids.length === 0) return;
      port.post(call.ids ? { id, piece: text, ids } : { id, piece: text });
      text = '';
      ids = [];
      posted = performance.now();
    };
    const result = await opened().answer(call, { signal: job.controller.signal, event }, {
      interrupted: () => job.interrupted,
      idle: flush,
      piece: (piece, made) => {
        text += piece;
        if (made) ids.push(...made);
        if (call.lockstep) {
          flush();
          return new Promise<void>((resolve) => {
            job.go = resolve;
          });
        }
        if (performance.now() - posted > POST_MS) flush();
        return undefined;
      },
    });
    flush();
    return result;
  }

  /** What touches the engine waits its turn. */
  const inTurn = new Set<Call['op']>(['open', 'answer', 'keep', 'release', 'context', 'context_reset', 'context_destroy', 'tokenize', 'detokenize', 'memory', 'logits_hash', 'close']);

  function begin(id: number, call: Call): void {
    const job: Job = { controller: new AbortController(), interrupted: false, go: null };
    jobs.set(id, job);
    const work = async (): Promise<void> => {
      try {
        if (job.controller.signal.aborted) throw abortError(job.controller.signal);
        port.post({ id, result: await run(id, call, job) });
      } catch (e) {
        port.post({ id, error: toWire(e) });
      } finally {
        jobs.delete(id);
      }
    };
    if (inTurn.has(call.op)) queue = queue.then(work);
    else void work();
  }

  port.listen((message) => {
    if ('call' in message) return begin(message.id, message.call);
    if ('decoded' in message) return asked.get(message.id)?.(message.decoded);
    const job = jobs.get(message.id);
    if (!job) return;
    if ('abort' in message) job.controller.abort();
    else if ('interrupt' in message) job.interrupted = true;
    job.go?.();
    job.go = null;
  });

  return async () => {
    for (const job of jobs.values()) {
      job.controller.abort();
      job.go?.();
    }
    await queue;
    close();
    await Promise.all(leaving);
  };
}
