// A module worker as an application has one, which uses the package itself.
import { pipeline } from '../../../dist/index.js';

onmessage = async ({ data }) => {
  try {
    const vl = await pipeline('image-to-text', 'demo', { device: data.device });
    let text = '', pieces = 0;
    for await (const piece of vl.stream(data.picture, { prompt: data.prompt, max_new_tokens: 40 })) {
      text += piece;
      pieces++;
    }
    const device = vl.device.type;
    await vl.dispose();
    postMessage({ text, pieces, device });
  } catch (error) {
    postMessage({ error: String(error?.stack ?? error) });
  }
};
