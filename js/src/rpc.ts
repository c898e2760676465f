// What crosses between the page and the worker: one typed union each way. Every request has a number; its answer, its events and
// its end carry the same.

import type { AnswerParams, EngineMemory, EngineResult, ModelInfo } from './results.js';
import type { WireError } from './errors.js';
import type { ModelSource, ProgressEvent as StoreEvent, SourceOptions } from './store/types.js';
import type { WasmSource } from './wasm.js';

/** A picture on its way to the worker. What can be transferred is. */
export type PicturePayload =
  | { kind: 'url'; url: string }
  | { kind: 'bytes'; bytes: Uint8Array }
  | { kind: 'pixels'; data: Uint8Array; width: number; height: number; channels: 3 | 4 }
  | { kind: 'bitmap'; bitmap: ImageBitmap; url?: string }
  | { kind: 'frame'; frame: VideoFrame }
  /** One that the worker has already: see Request 'keep'. */
  | { kind: 'kept'; id: number };

export interface WireMessage {
  role: 'system' | 'user' | 'assistant';
  text: string;
  images: PicturePayload[];
  inline: boolean;
}

/** Source options that can be posted: no functions, no signals. */
export type WireSourceOptions = Omit<SourceOptions, 'fetch' | 'signal'>;

export interface OpenOptions {
  device: 'auto' | 'gpu' | 'cpu';
  /** The engine's: 'as-is', 'f32', 'f16', 'q8_0', 'q4_0'; absent = as the source suggests. */
  dtype?: string;
  threads?: number;
  minPixels?: number;
  maxPixels?: number;
  memoryLimit?: number;
  nCtx?: number;
  isa?: string;
  wasm?: WasmSource;
  wasmThreads?: WasmSource;
  source: WireSourceOptions;
  /** Node.js: path of a WebGPU module (Dawn) instead of the package "webgpu". */
  webgpu?: string;
}

/** Why the model runs where it runs. */
export interface DeviceInfo {
  type: 'gpu' | 'cpu';
  name: string;
  reason: string;
}

export interface ProbeResult {
  /** The model can be opened here, as far as can be told before the download. */
  supported: boolean;
  /** Why, or why not, and what to do. */
  reason: string;
  device: DeviceInfo;
  format?: 'gguf' | 'hf';
  /** Bytes of the model's files, and how many of them have to be fetched. */
  total_bytes: number;
  download_bytes: number;
  /** Estimate from the size of the files: weights, state and scratch. */
  memory_bytes: number;
  storage_free_bytes: number;
  files: { name: string; size: number }[];
}

export interface Opened {
  info: ModelInfo;
  device: DeviceInfo;
  context: number;
}

export interface Answer extends EngineResult {
  device: DeviceInfo;
  memory: EngineMemory;
  /** Texts of `token_ids`, when logprobs were asked for; and of each candidate in `logprobs`. */
  tokens?: string[];
  candidates?: string[][];
}

/** Events while a request runs. */
export type WireEvent =
  | StoreEvent
  /** Per cent done of loading the model, of seeing the pictures, of reading the prompt. */
  | { status: 'load'; progress: number }
  | { status: 'vision'; progress: number }
  | { status: 'prefill'; progress: number }
  /** Something changed on the way: the device was lost, the GPU could not be used. */
  | { status: 'notice'; message: string; device?: DeviceInfo };

export type Call =
  | { op: 'probe'; source: ModelSource; options: OpenOptions }
  | { op: 'open'; source: ModelSource; options: OpenOptions }
  | { op: 'answer'; context: number; messages: WireMessage[]; params: AnswerParams; lockstep: boolean; ids: boolean }
  /** Decodes a picture and keeps it for later messages. */
  | { op: 'keep'; picture: PicturePayload }
  | { op: 'release'; picture: number }
  | { op: 'context'; nCtx: number }
  | { op: 'context_reset'; context: number }
  | { op: 'context_destroy'; context: number }
  | { op: 'tokenize'; text: string; special: boolean }
  | { op: 'detokenize'; ids: number[]; special: boolean }
  | { op: 'memory' }
  | { op: 'logits_hash'; context: number }
  /** For tests: the device goes away as after a driver's reset. */
  | { op: 'lose_device' }
  | { op: 'close' };

export interface Results {
  probe: ProbeResult;
  open: Opened;
  answer: Answer;
  keep: { id: number; width: number; height: number };
  release: null;
  context: number;
  context_reset: null;
  context_destroy: null;
  tokenize: number[];
  detokenize: string;
  memory: EngineMemory;
  logits_hash: string;
  lose_device: null;
  close: null;
}

export type ToWorker =
  | { id: number; call: Call }
  /** The caller gave up; the call rejects with AbortError. */
  | { id: number; abort: true }
  /** End the answer here; the call resolves with what there is. */
  | { id: number; interrupt: true }
  /** Lockstep: the piece was looked at, make the next. */
  | { id: number; go: true }
  | { id: number; decoded: Extract<PicturePayload, { kind: 'pixels' }> | WireError };

export type FromWorker =
  | { id: number; result: Results[Call['op']] }
  | { id: number; error: WireError }
  | { id: number; event: WireEvent }
  /** Text, and with `ids` the ids made since the last piece. */
  | { id: number; piece: string; ids?: number[] }
  /** The worker has no canvas: the page decodes. `id` is the worker's own number. */
  | { id: number; decode: Blob | ImageBitmap | VideoFrame };

/** The two ends look alike in a Worker, a MessagePort and Node's worker_threads. */
export interface Port<Out, In> {
  post(message: Out, transfer?: Transferable[]): void;
  listen(on: (message: In) => void): void;
}
