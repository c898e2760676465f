// How much, how soon, how smoothly: bytes, first paint, and the page's thread while an answer is made. In Chromium, which can tell.
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import { record } from '../../../js/test/browser/harness/trace.mjs';
import { addSample, answered, open } from '../ask.mjs';
import { show } from '../views.mjs';

const brotli = (file) => brotliCompressSync(readFileSync(file), { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length;
const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];

/** One answer, traced: the trace's tasks, and those that the browser itself calls long. */
async function traced(page, file, again) {
  await page.evaluate(() => {
    globalThis.long = [];
    globalThis.watch ??= new PerformanceObserver((list) => globalThis.long.push(...list.getEntries().map((e) => Math.round(e.duration))));
    globalThis.watch.observe({ type: 'longtask' });
  });
  const { result: turn, tasks, waited } = await record(page.cdp, file, async () => {
    await page.click('button', again ? 'answer again' : '^Describe$');
    return answered(page);
  });
  return { turn, tasks, waited, told: await page.evaluate(() => globalThis.long) };
}

export const tests = {
  'what is fetched before the first view stands': async (t) => {
    for (const language of ['de', 'en']) {
      const page = await t.env.open();
      await page.first(`localStorage.setItem('galago.settings', '{"language":"${language}"}')`);
      await show(page, t.env.url, 'ask');
      await page.until((wanted) => document.documentElement.lang === wanted && navigator.serviceWorker.controller, language, { what: 'the language and the service worker' });
      const names = await page.evaluate(() => [...new Set(['index.html', 'sw.js', ...performance.getEntriesByType('resource').map((e) => e.name).filter((n) => n.startsWith(location.origin)).map((n) => n.replace(new URL('.', location.href).href, '').split('?')[0])])]);
      // As in web/build.mjs: the package's element counts, its engine and pictures do not.
      const counted = names.filter((n) => /\.(html|js|css|json)$/.test(n) && n !== 'galago/index.js');
      for (const name of ['galago/image-assistant.js', 'app.css', 'main.js']) t.ok(counted.includes(name), `${name} is among ${counted}`);
      const bytes = counted.reduce((n, name) => n + brotli(path.join(t.env.folder, name)), 0);
      t.note(`files, bytes (brotli), ${language}`, [counted.length, bytes]);
      t.below(bytes, 60_000, counted.join());
      t.equal(counted.filter((n) => n.startsWith('texts/')).length, language === 'en' ? 0 : 2, 'files of texts');
      t.ok(!names.some((n) => /\.(wasm|gguf)$|worker\.js/.test(n)), `no runtime and no model before they are needed: ${names}`);
      await page.close();
    }
  },

  'the first contents within a second': {
    seconds: 90,
    run: async (t) => {
      const times = [];
      for (let i = 0; i < 5; i++) {
        const page = await t.env.open();
        // As at a first visit: nothing is kept, no service worker answers.
        await page.cdp.send('Network.enable');
        await page.cdp.send('Network.clearBrowserCache');
        await page.cdp.send('Network.setBypassServiceWorker', { bypass: true });
        await page.goto(t.env.url);
        times.push(await page.until(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime, undefined, { what: 'a first paint' }));
        await page.close();
      }
      t.note('milliseconds', times.map(Math.round));
      t.below(median(times), 1000);
    },
  },

  'nothing that stands is moved while the page comes up': async (t) => {
    const page = await t.env.open();
    await page.first(() => {
      globalThis.shifts = [];
      new PerformanceObserver((list) => globalThis.shifts.push(...list.getEntries().map((e) => ({ value: e.value, at: Math.round(e.startTime), what: e.sources.map((s) => s.node?.outerHTML?.slice(0, 60) ?? String(s.node?.nodeName)) })))).observe({ type: 'layout-shift', buffered: true });
    });
    await show(page, t.env.url, 'ask');
    await page.see('button', 'choose pictures');
    await new Promise((go) => setTimeout(go, 1500));
    const shifts = await page.evaluate(() => globalThis.shifts), sum = shifts.reduce((n, s) => n + s.value, 0);
    t.note('layout shift', sum);
    t.below(sum, 0.1, JSON.stringify(shifts.slice(0, 3)));
  },

  'no task over 50 ms while an answer is made': {
    seconds: 200,
    run: async (t) => {
      const page = await open(t);
      await addSample(page);
      // On the processor a task's length is the page's own. On the clock others may have made it longer, by what the page waited for a
      // processor; and the disk and the system make any task long, now and then, while one that is long by itself is so each time: so
      // one answer of three without any is what is asked for.
      const waits = [];
      let best = null;
      for (let i = 0; i < 3 && best?.length !== 0; i++) {
        const { turn, tasks, waited, told } = await traced(page, path.join(t.env.shots, `answer-trace-${i}.json`), i > 0);
        t.equal(turn.state, 'done');
        t.ok(tasks.length > 50 && tasks.every((k) => k.processor >= 0), `the trace tells of ${tasks.length} tasks`);
        t.equal(tasks.filter((k) => k.processor > 50).map((k) => `${Math.round(k.processor)} ms: ${k.what()}`), [], 'long tasks in the trace');
        t.note('tasks, longest on the processor and on the clock, ms', [tasks.length, ...['processor', 'clock'].map((k) => Math.round(Math.max(...tasks.map((x) => x[k]))))]);
        waits.push(Math.round(waited));
        const own = told.filter((ms) => ms - waited > 50);
        if (!best || own.length < best.length) best = own;
      }
      t.note('waited for a processor, long tasks on the clock, ms', [waits, best]);
      t.equal(best, [], 'long tasks that the browser told of, ms');
    },
  },

  'icons and manifest are there': async (t) => {
    const manifest = JSON.parse(readFileSync(path.join(t.env.folder, 'manifest.webmanifest'), 'utf8')), icons = readdirSync(path.join(t.env.folder, 'icons'));
    t.ok(manifest.icons.every((i) => icons.includes(path.basename(i.src))), 'each icon');
    const page = await t.env.open();
    await show(page, t.env.url, 'ask');
    await page.until(() => navigator.serviceWorker.controller !== null, undefined, { what: 'the service worker' });
    const { errors } = await page.cdp.send('Page.getAppManifest');
    t.equal(errors, []);
    const { installabilityErrors } = await page.cdp.send('Page.getInstallabilityErrors');
    t.equal(installabilityErrors.filter((e) => e.errorId !== 'in-incognito'), [], 'what keeps it from being installed');
  },
};
