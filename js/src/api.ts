// The public functions over what a page, or Node.js, provides.

import { Chat, type ChatOptions } from './chat.js';
import type { PageHost } from './host_page.js';
import { Model, probeModel, type ModelOptions } from './model.js';
import { openOpenAI, type OpenAIClient } from './openai.js';
import { openPipeline, type Pipeline, type Task } from './pipeline.js';
import type { ProbeResult } from './rpc.js';
import type { ModelSource } from './store/types.js';

export function makeApi(host: PageHost) {
  return {
    /** Opens a model for a task. `model`: "demo" (the default), a hub id "owner/name", a URL, files, or "synthetic:qwen3.5-0.8b". */
    pipeline: <T extends Task>(task: T, model: ModelSource = 'demo', options: ModelOptions = {}): Promise<Pipeline<T>> => openPipeline(task, model, options, host),
    /** Before any download: whether the model can run here and why, on what, what is to be fetched, the memory it needs, the storage that is free. */
    probe: (model: ModelSource = 'demo', options: ModelOptions = {}): Promise<ProbeResult> => probeModel(model, options, host),
    /** A conversation on a model of its own. */
    createChat: async (model: ModelSource = 'demo', options: ModelOptions & { chat?: ChatOptions } = {}): Promise<Chat> => {
      const opened = await Model.open(model, options, host);
      return Chat.create(opened, { context: options.context, ...options.chat }, () => opened.dispose());
    },
    /** A client in the shape of OpenAI's. */
    openai: (model: ModelSource = 'demo', options: ModelOptions = {}): Promise<OpenAIClient> => openOpenAI(model, options, host),
  };
}
