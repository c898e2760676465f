// An open model as the API's parts share it: the client of its worker, what is known of it, and answers to turns.

import { Client, disposedOf, type Running } from './client.js';
import type { AnswerParams, EngineMemory, EngineTimings, ModelInfo } from './results.js';
import { GalagoError, abortError } from './errors.js';
import type { PageHost, WorkerSource } from './host_page.js';
import { prepareImage } from './inputs.js';
import type { Turn } from './messages.js';
import { answerParams, type GenerationOptions } from './options.js';
import type { Answer, Call, DeviceInfo, Opened, OpenOptions, PicturePayload, ProbeResult, WireEvent, WireMessage } from './rpc.js';
import type { ModelSource, SourceOptions } from './store/types.js';
import { Listener } from './streamers.js';
import type { WasmSource } from './wasm.js';

export type ProgressInfo = WireEvent | { status: 'ready'; task: string; model: string };

/** How a model is found and opened. */
export interface ModelOptions {
  /** 'auto' (the default) takes the GPU where WebGPU has one that computes rightly, else the CPU. 'webgpu' and 'wasm' are understood. */
  device?: 'auto' | 'gpu' | 'cpu' | 'webgpu' | 'wasm';
  /** 'q4', 'q8', 'fp16', 'fp32' or a GGUF type: chooses the file where there are several, else what weights are turned into. Default: as in the file. */
  dtype?: string;
  progress_callback?: (event: ProgressInfo) => void;
  signal?: AbortSignal;
  /** Tokens of prompt and answer together; default 4096. */
  context?: number;
  /** CPU threads; default: what there is. */
  threads?: number;
  /** Pictures are made to have at least and at most so many pixels; default: the model's own limits. */
  min_pixels?: number;
  max_pixels?: number;
  /** Bytes that weights may take. */
  memory_limit?: number;
  /** Branch, tag or commit of a hub repository. */
  revision?: string;
  /** The hub's address; default https://huggingface.co. */
  base_url?: string;
  /** For repositories that need one. */
  token?: string;
  /** Which file of a repository or folder. `model_file_name` says the same. */
  file?: string;
  model_file_name?: string;
  /** The vision part of a GGUF pair, where its name does not tell. */
  mmproj?: string;
  /** Asks no network: what is not stored is an error. */
  local_files_only?: boolean;
  /** Where and how files are kept and fetched, in full. */
  source?: Omit<SourceOptions, 'signal' | 'fetch'>;
  /** The worker's script, where it does not lie beside the module; or a function that makes the worker. */
  worker?: WorkerSource;
  /** galago.wasm: its address or bytes, where it does not lie beside the worker. */
  wasm?: WasmSource;
  wasm_threads?: WasmSource;
  /** Node.js: path of a WebGPU module such as Dawn's, instead of the package "webgpu". */
  webgpu?: string;
  /** "ref" for the portable code of the CPU, in tests. */
  isa?: string;
}

/** What every answer carries beside its text. */
export interface Figures {
  text: string;
  /** 'stop': the model ended it, or a stop string; 'length': max_new_tokens; 'cancelled': interrupted. */
  finish_reason: 'stop' | 'length' | 'cancelled';
  token_ids: number[];
  /** With `logprobs`: for each token the likeliest as [id, natural logarithm], best first; and their texts. */
  logprobs?: [number, number][][];
  tokens?: string[];
  candidates?: string[][];
  prompt_tokens: number;
  /** Of these, kept from the call before. */
  reused_tokens: number;
  image_tokens: number;
  completion_tokens: number;
  timings: EngineTimings & { load_ms: number };
  memory: EngineMemory;
  device: DeviceInfo;
}

const devices: Record<string, OpenOptions['device']> = { auto: 'auto', gpu: 'gpu', webgpu: 'gpu', cpu: 'cpu', wasm: 'cpu' };

function openOptions(o: ModelOptions, host: PageHost): OpenOptions {
  const device = devices[o.device ?? 'auto'];
  if (!device) throw new GalagoError('argument', `device "${String(o.device)}" is unknown. Known: ${Object.keys(devices).join(', ')}.`);
  for (const name of ['context', 'threads', 'min_pixels', 'max_pixels', 'memory_limit'] as const) {
    const n = o[name];
    if (n !== undefined && !(Number.isInteger(n) && n >= 0)) throw new GalagoError('argument', `${name} is ${String(n)}; it must be a whole number from 0`);
  }
  const source = { ...o.source };
  const copy = <K extends keyof typeof source>(key: K, value: (typeof source)[K] | undefined): void => {
    if (value !== undefined) source[key] = value;
  };
  copy('revision', o.revision);
  copy('baseUrl', o.base_url);
  copy('token', o.token);
  copy('file', o.file ?? o.model_file_name);
  copy('mmproj', o.mmproj);
  copy('local', o.local_files_only);
  const options: OpenOptions = {
    device, dtype: o.dtype, threads: o.threads, minPixels: o.min_pixels, maxPixels: o.max_pixels, memoryLimit: o.memory_limit, nCtx: o.context, isa: o.isa, webgpu: o.webgpu, source,
    ...(o.wasm === undefined ? {} : { wasm: host.resolveWasm(o.wasm) }),
    ...(o.wasm_threads === undefined ? {} : { wasmThreads: host.resolveWasm(o.wasm_threads) }),
  };
  return host.extend?.(options) ?? options;
}

export function modelName(source: ModelSource): string {
  if (typeof source === 'string') return source;
  if (source instanceof URL) return source.href;
  const first = Array.isArray(source) ? source[0]?.name : Object.keys(source.files)[0];
  return first ?? 'files';
}

function checkSource(source: unknown): asserts source is ModelSource {
  const ok = (typeof source === 'string' && source !== '') || source instanceof URL || (Array.isArray(source) && source.length > 0) || (typeof source === 'object' && source !== null && 'files' in source);
  if (!ok) throw new GalagoError('argument', 'The model must be "demo", a hub id (owner/name), a URL, or files');
}

export async function probeModel(source: ModelSource, options: ModelOptions, host: PageHost): Promise<ProbeResult> {
  checkSource(source);
  const open = openOptions(options, host), client = new Client(host.connect(options.worker), host.decode);
  try {
    return await client.call({ op: 'probe', source: host.resolveModel(source), options: open }, { signal: options.signal });
  } finally {
    client.terminate();
  }
}

/** What is to be answered: turns and options. */
export interface Request {
  turns: Turn[];
  options: GenerationOptions;
  context?: number;
}

export class Model {
  private device: DeviceInfo;
  private disposed: Promise<void> | null = null;
  private constructor(readonly host: PageHost, readonly client: Client, readonly name: string, private readonly opened: Opened, private readonly progress: ModelOptions['progress_callback']) {
    this.device = opened.device;
  }

  static async open(source: ModelSource, options: ModelOptions, host: PageHost): Promise<Model> {
    checkSource(source);
    const open = openOptions(options, host), { signal } = options;
    if (signal?.aborted) throw abortError(signal);
    const client = new Client(host.connect(options.worker), host.decode);
    try {
      const opened = await client.call({ op: 'open', source: host.resolveModel(source), options: open }, { signal, event: options.progress_callback });
      return new Model(host, client, modelName(source), opened, options.progress_callback);
    } catch (e) {
      client.terminate();
      throw e;
    }
  }

  get info(): ModelInfo {
    return this.opened.info;
  }
  get deviceInfo(): DeviceInfo {
    return this.device;
  }
  get context(): number {
    return this.opened.context;
  }

  /** A picture that stays in the worker for several calls. */
  async keep(image: unknown, signal?: AbortSignal): Promise<number> {
    const { payload, transfer } = await prepareImage(image, this.host.resolveName);
    return (await this.client.call({ op: 'keep', picture: payload }, { signal }, transfer)).id;
  }

  /** One answer. `piece` is given its text as it is made. */
  async answer(request: Request, piece?: (text: string) => void): Promise<Figures> {
    const { options } = request, { signal } = options;
    const params: AnswerParams = answerParams(options), listener = new Listener(options.streamer, options.stopping_criteria);
    if (signal?.aborted) throw abortError(signal);
    const messages: WireMessage[] = [], transfer: Transferable[] = [];
    for (const t of request.turns) {
      const images: PicturePayload[] = [];
      for (const image of t.images) {
        const kept = typeof image === 'object' && image !== null && (image as { kind?: unknown }).kind === 'kept';
        const ready = kept ? { payload: image as PicturePayload, transfer: [] } : await prepareImage(image, this.host.resolveName);
        images.push(ready.payload);
        transfer.push(...ready.transfer);
      }
      messages.push({ role: t.role, text: t.text, images, inline: t.inline });
    }
    const call: Extract<Call, { op: 'answer' }> = { op: 'answer', context: request.context ?? this.context, messages, params, lockstep: listener.lockstep, ids: listener.ids };
    const running: Running<Answer> = this.client.start(call, {
      signal,
      event: (e) => {
        if (e.status === 'notice' && e.device) this.device = e.device;
        options.progress_callback?.(e);
        if (options.progress_callback !== this.progress && e.status === 'notice') this.progress?.(e);
      },
      piece: (text, ids) => {
        const stop = listener.piece(text, ids);
        if (text) piece?.(text);
        if (stop) running.interrupt();
      },
    }, transfer);
    const off = listener.listen(() => running.interrupt());
    try {
      const { text, finish_reason, token_ids, logprobs, tokens, candidates, prompt_tokens, reused_tokens, image_tokens, completion_tokens, timings, memory, device } = await running.result;
      this.device = device;
      listener.end();
      const figures: Figures = { text, finish_reason, token_ids, prompt_tokens, reused_tokens, image_tokens, completion_tokens, timings: { load_ms: this.info.load_ms, ...timings }, memory, device };
      return params.logprobs ? { ...figures, logprobs, tokens, candidates } : figures;
    } finally {
      off();
    }
  }

  dispose(): Promise<void> {
    if (!this.disposed) this.client.refuse(disposedOf());
    this.disposed ??= this.client.call({ op: 'close' }).then(() => undefined, () => undefined).then(() => this.client.terminate());
    return this.disposed;
  }
}
