import { pipeline } from './galago/index.js';

const model = pipeline('image-to-text', 'demo'); // one model for all messages; it loads while the first picture is chosen

addEventListener('message', async ({ data }) => {
  try {
    const vl = await model;
    for await (const piece of vl.stream(data.picture, { prompt: data.prompt })) postMessage({ piece });
    postMessage({ done: true });
  } catch (error) {
    postMessage({ error: error.message });
  }
});
