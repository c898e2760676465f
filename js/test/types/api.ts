// The whole public API as a user writes it: checked by tsc against dist/types (npm run check), never run. What must be refused is
// marked with ts-expect-error, so that a type that became too wide fails.
import {
  cache, createChat, GalagoError, InterruptableStoppingCriteria, openai, pipeline, probe, StoppingCriteria, TextStreamer, version,
  type AnswerPipeline, type AnswerResult, type AnswerStream, type BaseStreamer, type CachedFile, type CachedModel, type Chat, type ChatCompletion,
  type ChatCompletionChunk, type ChatCompletionParams, type ChatCompletionStream, type ChatOptions, type ContentPart, type DeviceInfo, type EngineMemory,
  type EngineTimings, type Figures, type GalagoErrorCode, type GenerationOptions, type ImageInput, type ImagePart, type ImageUrlPart, type Message,
  type ModelInfo, type ModelOptions, type ModelSource, type OpenAIClient, type Pipeline, type PixelsLike, type ProbeResult, type ProgressInfo,
  type PromptInput, type SourceOptions, type StoppingFunction, type Task, type TextPart, type TextPipeline, type TextResult, type TextStreamerOptions,
  type Tokenizer, type TurnOptions,
} from 'galago';

declare const canvas: HTMLCanvasElement, img: HTMLImageElement, video: HTMLVideoElement, frame: VideoFrame, bitmap: ImageBitmap, file: File, files: File[];
const control = new AbortController();

async function models(): Promise<void> {
  const sources: ModelSource[] = ['demo', new URL('https://example.org/a.gguf'), files, { files: { 'a.gguf': file, 'b.gguf': '/b.gguf', 'c.gguf': new URL('c.gguf', 'https://example.org') } }];
  const source: Omit<SourceOptions, 'signal' | 'fetch'> = { cacheDir: '/tmp', connections: 2, storage: 'folder', retries: 3, refresh: true };
  const options: ModelOptions = {
    device: 'auto', dtype: 'q4', signal: control.signal, context: 2048, threads: 2, min_pixels: 65536, max_pixels: 1 << 20, memory_limit: 1e9, revision: 'main',
    base_url: 'https://hub.example.org', token: 'x', file: 'a.gguf', model_file_name: 'a.gguf', mmproj: 'b.gguf', local_files_only: false, source,
    worker: () => new Worker('worker.js', { type: 'module' }), wasm: new Uint8Array(4), wasm_threads: '/galago-threads.wasm', webgpu: './dawn.node',
    progress_callback: (e: ProgressInfo) => {
      if (e.status === 'progress') console.log(e.file, e.loaded, e.total, e.progress);
      else if (e.status === 'progress_total') console.log(Object.keys(e.files), e.loaded / e.total);
      else if (e.status === 'load' || e.status === 'vision' || e.status === 'prefill') console.log(e.progress.toFixed());
      else if (e.status === 'notice') console.log(e.message, e.device?.type);
      else if (e.status === 'ready') console.log(e.task, e.model);
      else console.log(e.name, e.file);
    },
  };
  for (const s of sources) await (await pipeline('image-to-text', s, options)).dispose();
  const p: ProbeResult = await probe('owner/name', options);
  const where: DeviceInfo = p.device;
  console.log(p.supported, p.reason, p.format, p.total_bytes, p.download_bytes, p.memory_bytes, p.storage_free_bytes, p.files[0]?.size, where.name, where.reason);
  // @ts-expect-error no such task
  await pipeline('image-classification');
  // @ts-expect-error no such device
  await pipeline('image-to-text', 'demo', { device: 'tpu' });
}

async function answers(): Promise<void> {
  const vl: TextPipeline = await pipeline('image-to-text');
  const pixels: PixelsLike = { data: new Uint8Array(12), width: 2, height: 2, channels: 3 };
  const inputs: ImageInput[] = ['a.png', new URL('https://example.org/a.png'), file, new Blob(), new ArrayBuffer(1), new Uint8Array(1), pixels, bitmap, canvas, img, video, frame];
  const streamer: BaseStreamer = new TextStreamer(vl.tokenizer, { callback_function: (t: string) => console.log(t), skip_prompt: true } satisfies TextStreamerOptions);
  const stop: StoppingFunction = (ids) => ids.map((list) => list.length > 5), interrupt = new InterruptableStoppingCriteria();
  class Never extends StoppingCriteria {
    override _call(ids: number[][]): boolean[] {
      return ids.map(() => false);
    }
  }
  const options: GenerationOptions = {
    prompt: 'What?', system: 'Be brief.', max_new_tokens: 9, max_tokens: 9, max_completion_tokens: 9, do_sample: true, temperature: 1, top_k: 20, top_p: 0.8, min_p: 0.1,
    repetition_penalty: 1, presence_penalty: 1.5, frequency_penalty: 0, seed: 1, stop: ['\n'], stop_strings: '.', logprobs: true, top_logprobs: 5, return_full_text: false,
    streamer, stopping_criteria: [stop, interrupt, new Never()], signal: control.signal, progress_callback: (e) => console.log(e.status), think: false, ignore_eos: false, raw: false,
  };
  for (const input of inputs) {
    const results: TextResult[] = await vl(input, options);
    const figures: Figures | undefined = results[0];
    const timings: EngineTimings | undefined = figures?.timings, memory: EngineMemory | undefined = figures?.memory;
    console.log(results[0]?.generated_text, figures?.finish_reason, figures?.tokens?.[0], figures?.logprobs?.[0]?.[0]?.[1], timings?.decode_tok_s, memory?.gpu_bytes, figures?.timings.load_ms);
  }
  const prompted: PromptInput = { images: [file, file], prompt: 'What is different?' };
  await vl(prompted);
  await vl([file, file], 'What is different?');
  const many: TextResult[][] = await vl([file, prompted, [file, file]], options);
  const parts: ContentPart[] = [{ type: 'text', text: 'a' } satisfies TextPart, { type: 'image', image: file } satisfies ImagePart, { type: 'image_url', image_url: { url: 'a.png' } } satisfies ImageUrlPart];
  const messages: Message[] = [{ role: 'user', content: parts }];
  const talk: TextResult<Message[]>[] = await vl(messages);
  const text: TextResult[] = await vl(messages, { return_full_text: false });
  console.log(many.length, talk[0]?.generated_text.at(-1)?.content, text[0]?.generated_text.length);
  // @ts-expect-error a number is no picture
  await vl(17);

  const qa: AnswerPipeline = await pipeline('document-question-answering');
  const [answer]: AnswerResult[] = await qa(file, 'What is the total?', { max_new_tokens: 5 });
  console.log(answer?.answer, (await qa([{ image: file, question: 'a' }]))[0]?.[0]?.answer);
  const any: Pipeline = vl, task: Task = any.task;
  const stream: AnswerStream<Figures> = vl.stream(file, 'What?', { signal: control.signal });
  for await (const piece of stream) console.log(piece.length);
  const info: ModelInfo = vl.info, tokenizer: Tokenizer = vl.tokenizer;
  console.log((await stream.result).text, task, vl.model, vl.device.type, info.n_params, await tokenizer.encode('a', { special: true }), await tokenizer.decode([1, 2n], { skip_special_tokens: true }));
  console.log(await vl.memory(), await vl.logitsHash());
  await vl.reset();
  interrupt.interrupt();
  interrupt.reset();
}

async function talks(): Promise<void> {
  const chatOptions: ChatOptions = { context: 2048, system: 'Be brief.', temperature: 0.7 }, turn: TurnOptions = { image: file, images: [file], max_new_tokens: 5 };
  const vl = await pipeline('image-text-to-text');
  const chat: Chat = await vl.createChat(chatOptions), own: Chat = await createChat('demo', { device: 'cpu', chat: chatOptions });
  console.log((await chat.send('Hello', turn)).text, chat.messages[0]?.role);
  for await (const piece of own.stream('Hello')) console.log(piece);
  await chat.reset();
  await own.dispose();

  const client: OpenAIClient = await openai('demo');
  const params: ChatCompletionParams = { messages: [{ role: 'user', content: 'Hello' }], max_tokens: 5, logprobs: true, top_logprobs: 2, stop: ['a'], model: 'x' };
  const whole: ChatCompletion = await client.chat.completions.create({ ...params, stream: false }, { signal: control.signal });
  const chunks: ChatCompletionStream = await client.chat.completions.create({ ...params, stream: true, stream_options: { include_usage: true } });
  for await (const chunk of chunks) {
    const c: ChatCompletionChunk = chunk;
    console.log(c.choices[0]?.delta.content, c.usage?.total_tokens);
  }
  chunks.controller.abort();
  console.log(whole.choices[0]?.message.content, whole.usage.prompt_tokens_details.cached_tokens, whole.galago.timings.prefill_ms, whole.choices[0]?.logprobs?.content[0]?.top_logprobs[0]?.token);
  await client.dispose();
}

async function rest(): Promise<void> {
  const list: CachedModel[] = await cache.list({ cacheDir: '/tmp' }), first: CachedFile | undefined = list[0]?.files[0];
  const { used, quota, persisted } = await cache.usage();
  console.log(first?.complete, list[0]?.id, used, quota, persisted, await cache.remove('owner/name'), version.length);
  await cache.clear();
  try {
    await answers();
  } catch (e) {
    if (!(e instanceof GalagoError)) throw e;
    const code: GalagoErrorCode = e.code;
    // @ts-expect-error no such code
    console.log(code === 'oops', e.message);
  }
}

void models().then(talks).then(rest);
