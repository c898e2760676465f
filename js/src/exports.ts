// What every entry exports beside its functions.

export { GalagoError, type GalagoErrorCode } from './errors.js';
export { TextStreamer, StoppingCriteria, InterruptableStoppingCriteria, type BaseStreamer, type StoppingFunction, type TextStreamerOptions } from './streamers.js';
export { cache } from './store/index.js';
export { version } from './version.js';
export type { CachedModel, CachedFile, ModelSource, SourceOptions } from './store/types.js';
export type { Pipeline, TextPipeline, AnswerPipeline, Task, TextResult, AnswerResult, PromptInput, Tokenizer } from './pipeline.js';
export type { Chat, ChatOptions, TurnOptions } from './chat.js';
export type { AnswerStream } from './stream.js';
export type { Figures, ModelOptions, ProgressInfo } from './model.js';
export type { GenerationOptions } from './options.js';
export type { ImageInput, PixelsLike } from './inputs.js';
export type { Message, ContentPart, TextPart, ImagePart, ImageUrlPart } from './messages.js';
export type { DeviceInfo, ProbeResult } from './rpc.js';
export type { ModelInfo, EngineMemory, EngineTimings } from './results.js';
export type { OpenAIClient, ChatCompletion, ChatCompletionChunk, ChatCompletionParams, ChatCompletionStream } from './openai.js';
