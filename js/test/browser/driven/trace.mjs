// A trace, as developer tools record it, of a page that downloads a model, opens it and streams an answer: no task of the page's own
// thread over 50 ms. The traces stay in build/traces and can be opened in the developer tools.
import { availableParallelism, loadavg } from 'node:os';
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

// As in a page: import, open, show pieces as they come. Gives the words and the tasks that the browser itself calls long.
const use = (page, options) => page.evaluate(async ({ model, device, base_url, tokens }) => {
  const told = [], observer = new PerformanceObserver((list) => told.push(...list.getEntries().map((e) => Math.round(e.duration))));
  observer.observe({ type: 'longtask' });
  const { pipeline, cache } = await import('/js/dist/index.js');
  await cache.clear();
  const vl = await pipeline('image-to-text', model, { device, base_url });
  const stream = vl.stream('/models/demo/samples/shapes-1.png', { max_new_tokens: tokens });
  let words = '';
  for await (const piece of stream) {
    words += piece;
    document.body.append(piece);
  }
  const { token_ids } = await stream.result, type = vl.device.type;
  await vl.dispose();
  await new Promise((go) => setTimeout(go, 200)); // entries come late
  observer.disconnect();
  return { words, token_ids, type, told };
}, options);

async function smooth(t, name, options, check) {
  // On the processor a task's length is the page's own. On the clock a busy machine makes any task long, now and then: a task that is
  // long by itself is so each time, so one attempt of three without any is what is asked for.
  let best = null;
  for (let i = 0; i < 3 && best?.length !== 0; i++) {
    const { page, cdp } = await open(t);
    const { result, tasks } = await record(cdp, file(name), () => use(page, options));
    await page.close();
    check(result);
    t.equal(result.type, t.env.device);
    t.ok(tasks.length > 50 && tasks.every((k) => k.processor >= 0), `the trace tells of ${tasks.length} tasks`);
    t.equal(tasks.filter((k) => k.processor > 50).map((k) => `${Math.round(k.processor)} ms: ${k.what()}`), [], 'long tasks in the trace');
    t.note('tasks, longest on the processor and on the clock, ms', [tasks.length, ...['processor', 'clock'].map((k) => Math.round(Math.max(...tasks.map((x) => x[k]))))]);
    if (!best || result.told.length < best.length) best = result.told;
  }
  t.note('load of the machine, long tasks on the clock, ms', [loadavg()[0], best]);
  // Where others wait for the processors too, the clock measures them.
  if (loadavg()[0] < 2 * availableParallelism()) t.equal(best, [], 'long tasks that the browser told of, ms');
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

  'a model is downloaded, opened and answers': {
    seconds: 400,
    unless: (env) => (env.device === 'cpu' ? undefined : 'the software GPU takes minutes'),
    run: (t) => smooth(t, 'load-and-answer', { model: id, device: 'cpu', base_url: t.env.theHub.url, tokens: 40 },
      ({ words }) => t.equal(words, t.env.expected(['shapes-1.png'], 'Describe this image.').text)),
  },

  'the same on the GPU': {
    seconds: 900,
    unless: (env) => (env.device === 'gpu' ? undefined : 'the CPU\'s turn'),
    run: (t) => smooth(t, 'load-and-answer-gpu', { model: new URL(tiny, t.env.origin).href, device: 'gpu', tokens: 20 }, ({ token_ids }) => t.ok(token_ids.length)),
  },
};
