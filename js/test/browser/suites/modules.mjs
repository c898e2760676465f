// A page asks for one wasm module, the one that suits the browser, and a site that has the plain ones alone still works.
import { expected, load, sample, url } from './lib.mjs';

const relaxed = WebAssembly.validate(Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 0, 253, 15, 65, 0, 253, 15, 253, 146, 2, 11));

// Describes a picture with a watched worker: the words, the device, the modules that were asked for.
async function describe(t, refuse) {
  const name = `modules ${Math.random()}`, asked = [], channel = new BroadcastChannel(name);
  channel.onmessage = (e) => asked.push(e.data);
  const query = new URLSearchParams({ channel: name, ...(refuse ? { refuse } : {}) });
  const { pipeline } = await load();
  const vl = await pipeline('image-to-text', 'demo', {
    device: 'cpu', worker: () => new Worker(new URL(`../page/watched_worker.mjs?${query}`, import.meta.url), { type: 'module' }),
  });
  const [result] = await vl(url(t.env, sample(1)), { prompt: 'Describe this image.', max_new_tokens: 40 });
  const used = vl.info.device;
  await vl.dispose();
  channel.close();
  t.equal(result.token_ids, (await expected(t.env, ['shapes-1.png'])).token_ids);
  return { asked, device: used };
}

const ending = (t) => (t.env.mode === 'isolated' ? '-threads.wasm' : '.wasm');

export const tests = {
  'one module, the one that suits the browser': {
    seconds: 120,
    run: async (t) => {
      const { asked, device } = await describe(t, false);
      t.equal(asked, [`galago${relaxed ? '-relaxed' : ''}${ending(t)}`]);
      t.equal(device.includes('relaxed'), relaxed, device);
      t.note('module', `${asked[0]}: ${device}`);
    },
  },

  'a site without the relaxed modules': {
    seconds: 120,
    unless: () => (relaxed ? undefined : 'no relaxed SIMD here'),
    run: async (t) => {
      const { asked, device } = await describe(t, true);
      t.equal(asked, [`galago-relaxed${ending(t)}`, `galago${ending(t)}`]);
      t.ok(!device.includes('relaxed'), device);
    },
  },
};
