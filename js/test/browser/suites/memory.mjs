// A thousand calls in one page: the memory of the JavaScript heaps, of the wasm instance and of the GPU buffers after the last is what
// it was after the tenth. (A thousand with --long, else sixty, or as many as --calls says, at least twenty. Software GPUs, where a call
// takes seconds, have two hundred.) Tiny pictures and answers, since only their number counts.
import { bytes, device, load, url } from './lib.mjs';

const prompt = 'Describe this image.';

// On a software GPU a token of the demo model takes a second: there the smallest model of the golden tests, with the same layers.
const model = (env) => (env.device === 'gpu' ? url(env, 'tests/data/golden/tiny-a/') : 'demo');

// The page's own heap after a collection; with --long those of its workers too, where the browser can say: each of these
// measurements takes Chromium a minute. (Its headless shell has the function and refuses it.)
async function heaps(env) {
  if (env.long && globalThis.crossOriginIsolated && performance.measureUserAgentSpecificMemory) {
    const all = await performance.measureUserAgentSpecificMemory().catch((e) => { if (e.name !== 'SecurityError') throw e; });
    if (all) return all.bytes;
  }
  globalThis.gc?.();
  return performance.memory?.usedJSHeapSize ?? globalThis.process?.memoryUsage().heapUsed;
}

export const tests = {
  'the same after the last call as after the tenth': {
    seconds: 3600,
    run: async (t) => {
      const { pipeline } = await load();
      const vl = await pipeline('image-to-text', model(t.env), device(t.env));
      const pictures = [await bytes(t.env, 'tests/data/images/png_1x1.png'), await bytes(t.env, 'tests/data/images/bmp_24.bmp')];
      const calls = Math.max(20, t.env.calls ?? (t.env.long ? (t.env.device === 'gpu' ? 200 : 1000) : 60));
      let first, tenth, last;
      t.equal(vl.device.type, t.env.device);
      const began = performance.now();
      for (let i = 1; i <= calls; i++) {
        // Every kind of call: whole, streamed, stopped in the middle, no picture at all, two pictures.
        const kind = i % 10, picture = pictures[i % 2], options = { prompt, max_new_tokens: 2 };
        if (kind === 3) for await (const _ of vl.stream(picture, options));
        else if (kind === 4) await vl(picture, { ...options, signal: AbortSignal.timeout(5) }).catch(() => {});
        else if (kind === 5) await t.rejects(vl(new Uint8Array(40), options), 'format');
        else if (kind === 6) await vl([{ role: 'user', content: [...pictures.map((image) => ({ type: 'image', image })), { type: 'text', text: prompt }] }], { max_new_tokens: 2 });
        else await vl(picture, options);
        if (i % 50 === 0) await t.progress(`${i} calls in ${Math.round((performance.now() - began) / 1000)} s: ${JSON.stringify(await vl.memory())}`);
        if (i !== 1 && i !== 10 && i !== calls) continue;
        const now = { ...(await vl.memory()), js: await heaps(t.env) };
        if (i === 1) first = now;
        if (i === 10) tenth = now;
        if (i === calls) last = now;
      }
      await vl.dispose();
      t.note('calls', `${calls} in ${Math.round((performance.now() - began) / 1000)} s on ${vl.device.name}`);
      t.note('after the first', first);
      t.note('after the tenth', tenth);
      t.note('after the last', last);
      t.equal(last.heap_used_bytes, tenth.heap_used_bytes, 'heap in wasm');
      // The module never gives pages back, and which holes there are depends on when a call was stopped: with the same bytes in use
      // some runs take 320 KiB more, once, at a call of any number. Growth with the number of calls would be seen above, to the byte.
      t.ok(last.wasm_bytes - tenth.wasm_bytes <= 512 << 10, `wasm memory: ${last.wasm_bytes - tenth.wasm_bytes} bytes more`);
      t.equal([last.gpu_bytes, last.gpu_buffers], [tenth.gpu_bytes, tenth.gpu_buffers], 'GPU buffers');
      // Compiled code and caches of the JavaScript engine come and go by some 100 kB; a thousand calls that kept 1 kB each show.
      t.below(last.js - tenth.js, 700e3, 'growth of the JavaScript heaps');
    },
  },

  'dispose gives everything back': {
    seconds: 1500,
    run: async (t) => {
      const { pipeline } = await load();
      const sizes = [];
      for (let i = 0; i < 6; i++) {
        const vl = await pipeline('image-to-text', model(t.env), device(t.env));
        await vl(await bytes(t.env, 'tests/data/images/png_1x1.png'), { prompt, max_new_tokens: 2 });
        await vl.dispose();
        sizes.push(await heaps(t.env));
      }
      t.note('heaps', sizes);
      // A model that stayed would be 11 MB each time.
      t.below(sizes.at(-1) - sizes[1], 4e6, 'growth over four models');
    },
  },
};
