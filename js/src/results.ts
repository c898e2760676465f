// What the engine is told and tells as JSON, as far as callers see it.

/** What shapes an answer; absent = the engine's default. */
export interface AnswerParams {
  max_tokens?: number;
  temperature?: number;
  top_k?: number;
  top_p?: number;
  min_p?: number;
  repetition_penalty?: number;
  presence_penalty?: number;
  frequency_penalty?: number;
  seed?: number;
  stop?: string[];
  logprobs?: number;
  ignore_eos?: boolean;
  think?: boolean;
  raw?: boolean;
}

export interface EngineTimings {
  image_ms: number;
  vision_ms: number;
  prefill_ms: number;
  first_token_ms: number;
  decode_ms: number;
  decode_tok_s: number;
  /** From files or bitmaps to pixels, before the engine saw them. */
  decode_image_ms?: number;
}

/** JSON of gw_result. */
export interface EngineResult {
  text: string;
  finish_reason: 'stop' | 'length' | 'cancelled';
  token_ids: number[];
  logprobs?: [number, number][][];
  prompt_tokens: number;
  reused_tokens: number;
  image_tokens: number;
  completion_tokens: number;
  timings: EngineTimings;
}

/** JSON of gw_model_info: galago_model_info and galago_model_describe. */
export interface ModelInfo {
  name: string;
  family: string;
  device: string;
  n_params: number;
  weights_bytes: number;
  n_layers: number;
  d_model: number;
  n_vocab: number;
  max_context: number;
  image_factor: number;
  min_pixels: number;
  max_pixels: number;
  has_vision: boolean;
  has_mtp: boolean;
  load_ms: number;
  memory?: { weights_bytes: number; context_bytes: number; scratch_bytes: number };
  [other: string]: unknown;
}

/** JSON of gw_memory. */
export interface EngineMemory {
  wasm_bytes: number;
  heap_used_bytes: number;
  gpu_bytes: number;
  gpu_buffers: number;
}
