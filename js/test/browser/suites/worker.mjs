// The package inside a module worker of the user's own: the words are the native ones, an abort passes.
import { device, expected, sample, url } from './lib.mjs';

export const tests = {
  'words in a worker': {
    seconds: 120,
    run: async (t) => {
      const worker = new Worker(new URL('../page/user_worker.mjs', import.meta.url), { type: 'module' });
      const answer = new Promise((resolve, reject) => {
        worker.onmessage = (e) => (e.data.error ? reject(new Error(e.data.error)) : resolve(e.data));
        worker.onerror = (e) => reject(new Error(`worker: ${e.message}`));
      });
      worker.postMessage({ device: t.env.device, picture: url(t.env, sample(3)), prompt: 'Describe this image.' });
      const { text, pieces, device: used } = await answer;
      worker.terminate();
      t.equal(used, t.env.device);
      t.equal(text, (await expected(t.env, ['shapes-3.png'])).text);
      t.ok(pieces > 1, `${pieces} pieces`);
    },
  },
};
