// A trace, as developer tools record it, of a page that downloads a model, opens it and streams an answer: no task of the page's own
// thread over 50 ms. The traces stay in build/traces and can be opened in the developer tools.
import path from 'node:path';
import { record } from '../harness/trace.mjs';
import { root } from '../harness/server.mjs';

const id = 'lab/traced', demo = ['demo.gguf', 'mmproj-demo.gguf'];
const tiny = '/tests/data/golden/tiny-a/'; // on a software GPU a token of the demo model takes a second
const file = (name) => path.join(root, 'build/traces', `${name}.json`);

export function before(t) {
  for (const name of demo) t.env.theHub.put({ repo: id, path: name, from: path.join(root, 'models/demo', name) });
}

async function open(t) {
  const page = await t.env.context.newPage();
  await page.goto(`${t.env.origin}/js/test/browser/page/empty.html`);
  return { page, cdp: await t.env.context.newCDPSession(page) };
}

// Pictures of the page's own, made before anything is recorded. A photograph's size: decoding and reading back four megapixels must
// not happen on the page's thread.
const prepare = (page) => page.evaluate(async (address) => {
  const large = new OffscreenCanvas(2048, 2048);
  large.getContext('2d').drawImage(await createImageBitmap(await (await fetch(address)).blob()), 0, 0, 2048, 2048);
  const photo = await large.convertToBlob({ type: 'image/jpeg' });
  globalThis.pictures = { address, photo, bitmap: await createImageBitmap(photo) };
}, '/models/demo/samples/shapes-1.png');

// As in a page: import, open, show pieces as they come. Gives each picture's ids and the tasks that the browser itself calls long.
const use = (page, options) => page.evaluate(async ({ model, device, base_url, pictures, tokens }) => {
  const told = [], observer = new PerformanceObserver((list) => told.push(...list.getEntries().map((e) => Math.round(e.duration))));
  observer.observe({ type: 'longtask' });
  const { pipeline, cache } = await import('/js/dist/index.js');
  await cache.clear();
  const vl = await pipeline('image-to-text', model, { device, base_url }), ids = {};
  for (const name of pictures) {
    const stream = vl.stream(globalThis.pictures[name], { max_new_tokens: tokens });
    for await (const piece of stream) document.body.append(piece);
    ids[name] = (await stream.result).token_ids;
  }
  const type = vl.device.type;
  await vl.dispose();
  await new Promise((go) => setTimeout(go, 200)); // entries come late
  observer.disconnect();
  return { ids, type, told };
}, options);

async function smooth(t, name, options) {
  // On the processor a task's length is the page's own. On the clock others may have made it longer, by what the page waited for a
  // processor; and the disk and the system make any task long, now and then, while one that is long by itself is so each time: so one
  // attempt of three without any is what is asked for.
  const waits = [];
  let best = null, ids;
  for (let i = 0; i < 3 && best?.length !== 0; i++) {
    const { page, cdp } = await open(t);
    await prepare(page);
    const { result, tasks, waited } = await record(cdp, file(name), () => use(page, options));
    await page.close();
    ids = result.ids;
    t.equal(result.type, t.env.device);
    t.ok(tasks.length > 50 && tasks.every((k) => k.processor >= 0), `the trace tells of ${tasks.length} tasks`);
    t.equal(tasks.filter((k) => k.processor > 50).map((k) => `${Math.round(k.processor)} ms: ${k.what()}`), [], 'long tasks in the trace');
    t.note('tasks, longest on the processor and on the clock, ms', [tasks.length, ...['processor', 'clock'].map((k) => Math.round(Math.max(...tasks.map((x) => x[k]))))]);
    waits.push(Math.round(waited));
    const own = result.told.filter((ms) => ms - waited > 50);
    if (!best || own.length < best.length) best = own;
  }
  t.note('waited for a processor, long tasks on the clock, ms', [waits, best]);
  t.equal(best, [], 'long tasks that the browser told of, ms');
  return ids;
}

export const tests = {
  'a trace shows a long task': async (t) => {
    const { page, cdp } = await open(t);
    const { tasks } = await record(cdp, file('long'), () => page.evaluate(() => {
      const until = performance.now() + 120;
      while (performance.now() < until);
    }));
    await page.close();
    t.ok(tasks.some((k) => k.clock > 100), `the longest: ${Math.max(...tasks.map((k) => k.clock))} ms`);
  },

  'a model is downloaded, opened and answers, whatever form a picture has': {
    seconds: 400,
    unless: (env) => (env.device === 'cpu' ? undefined : 'the software GPU takes minutes'),
    run: async (t) => {
      const ids = await smooth(t, 'load-and-answer', { model: id, device: 'cpu', base_url: t.env.theHub.url, pictures: ['address', 'photo', 'bitmap'], tokens: 40 });
      t.equal(ids.address, t.env.expected(['shapes-1.png'], 'Describe this image.').token_ids);
      t.ok(ids.photo.length && ids.bitmap.length, JSON.stringify(ids));
    },
  },

  'the same on the GPU': {
    seconds: 900,
    unless: (env) => (env.device === 'gpu' ? undefined : 'the CPU\'s turn'),
    run: async (t) => {
      const ids = await smooth(t, 'load-and-answer-gpu', { model: new URL(tiny, t.env.origin).href, device: 'gpu', pictures: ['address', 'bitmap'], tokens: 20 });
      t.ok(ids.address.length && ids.bitmap.length, JSON.stringify(ids));
    },
  },
};
