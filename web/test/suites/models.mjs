// Models from a hub and from files: told about, fetched, paused, taken up again, refused, deleted. The hub is the package's test hub.
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { startHub } from '../../../js/test/hub/server.mjs';
import { sample, words } from '../native.mjs';
import { little } from '../room.mjs';
import { serve } from '../serve.mjs';
import { show, stands } from '../views.mjs';

const id = 'lab/shapes', names = ['demo.gguf', 'mmproj-demo.gguf'];
let hub, server, total;

// The page is built for this hub: its policy lets nothing else be asked.
export async function before(t) {
  hub = t.env.later(await startHub());
  total = names.reduce((n, name) => n + hub.put({ repo: id, path: name, from: path.join(t.env.root, 'models/demo', name) }).size, 0);
  const to = path.join(t.env.root, `build/web-hub-${t.env.browser}`);
  execFileSync(process.execPath, [path.join(t.env.root, 'web/build.mjs'), '--out', to, '--connect', `${hub.url} ${hub.cdnUrl}`], { stdio: 'ignore' });
  server = t.env.later(await serve(to));
}

async function open(t, options, where = {}) {
  const page = await t.env.open(options, where.browser);
  await show(page, where.url ?? server.url, 'models');
  return page;
}
async function fresh(t, options, where) {
  hub.reset();
  const page = await open(t, options, where);
  await page.evaluate(async () => {
    localStorage.clear();
    await (await import('./galago/index.js')).cache.clear();
  });
  await page.reload();
  await stands(page, 'models');
  return page;
}
/** Writes the model's name, chooses the test hub and looks. */
async function look(page, name = id) {
  await page.evaluate(([text, address]) => {
    document.getElementById('models-id').value = text;
    const field = document.getElementById('models-hub');
    if (field) field.value = address;
  }, [name, hub.url]);
  await page.click('.models-hub button[type=submit]');
}
const state = (page) => page.evaluate(() => document.querySelector('.current').dataset.state);
const until = (page, wanted, seconds = 60) => page.until((s) => document.querySelector('.current')?.dataset.state === s, wanted, { what: `the model ${wanted}`, seconds });
async function download(page) {
  await look(page);
  await page.click('.plan button.primary', 'download');
}
const stored = (page) => page.evaluate(async (model) => (await (await import('./galago/index.js')).cache.list()).find((m) => m.id === model)?.loaded ?? 0, id);
const arrived = async (page, bytes) => {
  for (let i = 0; i < 600; i++) {
    if ((await stored(page)) >= bytes) return;
    await new Promise((go) => setTimeout(go, 100));
  }
  throw new Error(`${bytes} bytes did not arrive within a minute`);
};
/** Bytes that were asked for, but for questions of a single one. WebKit drops the range when a request is sent on to another host
 * (the package then takes its part out of the whole answer), so there it is what the first host was asked. */
const asked = (t) => hub.log.filter((l) => l.origin === (t.env.browser === 'webkit' ? 'hub' : 'cdn') && l.range && l.range !== 'bytes=0-0').reduce((n, l) => {
  const [a, b] = l.range.slice(6).split('-').map(Number);
  return n + b - a + 1;
}, 0);
const slow = () => hub.addFault({ match: 'cdn/lab/shapes/demo', slow: 700_000, times: 999 });
/** The connection breaks after 2 MB, and from then on at once: one that brings something is not given up. */
const breaks = () => {
  hub.addFault({ match: 'cdn/lab/shapes', drop: 2_000_000 });
  hub.addFault({ match: 'cdn/lab/shapes', drop: 0, skip: 1, times: 999 });
};

/** The model in use says what the native program says. */
async function says(t, page) {
  await show(page, server.url, 'ask');
  await page.click('[part~=sample]');
  await page.click('button', '^Describe$');
  await page.until(() => ['done', 'failed'].includes(document.querySelector('galago-image-assistant').conversation.at(-1)?.state), undefined, { what: 'an answer', seconds: 90 });
  const turn = await page.evaluate(() => { const a = document.querySelector('galago-image-assistant').conversation.at(-1); return [a.state, a.answer.trim(), a.error?.message ?? '']; });
  t.equal(turn, ['done', words(sample(1)), '']);
}

export const tests = {
  'told before, downloaded when said, and only its host is asked': {
    seconds: 120,
    run: async (t) => {
      const page = await fresh(t);
      const before = hub.log.length;
      await page.until(() => navigator.serviceWorker.controller !== null, undefined, { what: 'the service worker' });
      t.equal(hub.log.length - before, 0, 'the hub is not asked before somebody wishes it');
      await look(page);
      await page.see('.plan button.primary', `download ${Math.round(total / 1e6)} MB`);
      t.equal(asked(t), 0, 'bytes fetched before the person said so');
      await page.screenshot(`${t.env.shots}/models-plan-${t.env.browser}.png`);
      await page.click('.plan button.primary', 'download');
      await until(page, 'ready');
      t.equal(asked(t), total);
      await says(t, page);
      await show(page, server.url, 'privacy');
      const hosts = await page.until(() => { const rows = [...document.querySelectorAll('.view-privacy tbody th[scope=row]')].map((h) => h.firstChild.textContent); return rows.length > 0 && rows; }, undefined, { what: 'the list of hosts' });
      t.ok(hosts.every((h) => [new URL(server.url).host, new URL(hub.url).host, new URL(hub.cdnUrl).host].includes(h)), hosts.join());
      t.ok(hub.log.every((l) => !l.authorization), 'no token');
    },
  },

  'paused, and taken up again at the next visit': {
    seconds: 150,
    run: async (t) => {
      const page = await fresh(t);
      slow();
      await download(page);
      await arrived(page, 2e6);
      await page.click('.current button', '^Pause$');
      await until(page, 'paused');
      await page.screenshot(`${t.env.shots}/models-paused-${t.env.browser}.png`);
      await page.until(async () => !(await navigator.locks.query()).held.some((l) => l.name.startsWith('galago:')), undefined, { what: 'the end of the download' });
      const here = await stored(page), log = hub.log.length;
      t.ok(here > 1e6 && here < total, `${here} bytes`);
      await new Promise((go) => setTimeout(go, 1000));
      t.equal([await stored(page), hub.log.length], [here, log], 'nothing comes while it is paused');
      await page.reload();
      await until(page, 'paused');
      await page.see('.current-progress', 'half-downloaded');
      hub.reset();
      await page.click('.current button', '^Resume$');
      await until(page, 'ready');
      t.ok(asked(t) <= total - here, `${asked(t)} bytes were asked for although ${here} of ${total} were here`);
      t.note('here before, asked for after', [here, asked(t)]);
      await says(t, page);
    },
  },

  'reloaded in the middle of a download': {
    seconds: 120,
    run: async (t) => {
      const page = await fresh(t);
      slow();
      await download(page);
      await arrived(page, 3e6);
      await page.reload();
      await stands(page, 'models');
      await until(page, 'paused');
      const here = await stored(page);
      t.ok(here > 2e6, `${here} bytes`);
      hub.reset();
      await page.click('.current button', '^Resume$');
      await until(page, 'ready');
      t.ok(asked(t) <= total - here, `${asked(t)} of ${total}, ${here} here`);
    },
  },

  'two tabs at once': {
    seconds: 120,
    run: async (t) => {
      const first = await fresh(t), second = await open(t);
      slow();
      // Both have looked before one of them begins.
      await look(second);
      await second.see('.plan button.primary', 'download');
      await download(first);
      await arrived(first, 1e6);
      await second.click('.plan button.primary', 'download');
      await second.see('.current .notice', 'another tab is downloading');
      await Promise.all([until(first, 'ready'), until(second, 'ready')]);
      t.equal(asked(t), total, 'bytes asked for by both together');
    },
  },

  'no room': {
    seconds: 120,
    run: async (t) => {
      const tight = await little(t, server);
      let page;
      try {
        if (!tight.take) page = await open(t, {}, tight);
        else {
          page = await fresh(t, {}, tight);
          await tight.take(page);
          await page.reload();
          await stands(page, 'models');
        }
        await look(page);
        await page.see('.plan');
        // The browser tells of its limit either before (then the page refuses) or when it is met.
        await page.until(() => Boolean(document.querySelector('.plan button.primary, .plan .notice.error')), undefined, { what: 'the plan' });
        if (await page.shows('.plan button.primary', 'download')) {
          await page.click('.plan button.primary', 'download');
          await until(page, 'failed');
          t.match(await page.text('.current .notice.error'), /no room|space/);
          await page.screenshot(`${t.env.shots}/models-full-${t.env.browser}.png`);
        } else {
          await page.see('.plan .notice.error', 'not enough room');
        }
        t.note('told', await page.text('.current .notice.error, .plan .notice.error'));
        t.ok((await stored(page)) < total, 'it is not there as a whole');
        // Room is made: the page goes on without being loaded anew.
        if (!tight.give) return;
        await tight.give(page);
        if ((await state(page)) === 'failed') await page.click('.current button', 'try again');
        else await download(page);
        await until(page, 'ready');
      } finally {
        await t.env.closePages();
        await tight.close();
      }
    },
  },

  'deleted': {
    seconds: 90,
    run: async (t) => {
      const page = await fresh(t);
      await download(page);
      await until(page, 'ready');
      await page.click('.stored button.danger', 'delete shapes');
      await page.click('dialog button', 'cancel');
      t.equal(await stored(page), total, 'after Cancel');
      await page.click('.stored button.danger', 'delete shapes');
      await page.click('dialog button.danger');
      await page.until(async (model) => !(await (await import('./galago/index.js')).cache.list()).some((m) => m.id === model), id, { what: 'the model gone' });
      await page.gone('.stored strong', 'shapes');
      t.ok((await state(page)) !== 'ready', await state(page));
      t.equal(page.complaints, []);
    },
  },

  'a download that fails says what to do, and goes on from there': {
    seconds: 150,
    unless: (env) => env.quick && 'the package tries for half a minute before it gives up',
    run: async (t) => {
      const page = await fresh(t);
      breaks();
      await download(page);
      await until(page, 'failed', 120);
      const told = await page.text('.current .notice.error p');
      t.match(told, /broke off.*kept.*try again/i);
      t.ok(await page.shows('.current .notice.error summary', 'details'), 'the cause is at hand');
      await page.screenshot(`${t.env.shots}/models-failed-${t.env.browser}.png`);
      const here = await stored(page);
      t.ok(here < total && (here > 0 || t.env.browser === 'webkit'), `${here} bytes`);
      // The view in which people ask says it too, and offers the same.
      await page.evaluate(() => void (location.hash = '#ask'));
      await page.see('.ask-model.error button', 'try again');
      t.equal(await page.text('.ask-model.error p'), told);
      await page.evaluate(() => void (location.hash = '#models'));
      await page.see('.current button', '^try again$');
      hub.reset();
      await page.click('.current button', '^try again$');
      await until(page, 'ready');
      // WebKit's private windows, and its driver opens no others, lose what a worker keeps that has ended.
      if (t.env.browser !== 'webkit') t.ok(asked(t) <= total - here, `${asked(t)} bytes were asked for although ${here} of ${total} were here`);
      t.note('here before, asked for after', [here, asked(t)]);
      await says(t, page);
    },
  },

  'a network that goes away and comes back': {
    seconds: 150,
    unless: (env) => env.quick && 'the package tries for half a minute before it gives up',
    run: async (t) => {
      const page = await fresh(t);
      // What the browser says of the network is made up: none of the drivers changes it for a page and its workers.
      const network = (there) => page.evaluate((is) => {
        Object.defineProperty(navigator, 'onLine', { configurable: true, get: () => is });
        dispatchEvent(new Event(is ? 'online' : 'offline'));
      }, there);
      breaks();
      await download(page);
      await network(false);
      await until(page, 'failed', 120);
      t.match(await page.text('.current .notice.error p'), /no network.*kept.*by itself.*online again/i);
      hub.reset();
      await network(true);
      // Nobody presses anything: it was agreed to.
      await until(page, 'ready', 90);
    },
  },

  'what cannot be had is told in words': {
    seconds: 90,
    run: async (t) => {
      const page = await fresh(t);
      await look(page, 'not a name');
      await page.see('.wrong', 'no name of a model');
      t.equal(await page.evaluate(() => [document.activeElement.id, document.getElementById('models-id').getAttribute('aria-invalid')]), ['models-id', 'true']);
      await look(page, 'https://elsewhere.example/model.gguf');
      await page.see('.wrong', 'may not fetch from elsewhere.example');
      await look(page, 'lab/nothing-here');
      await page.see('.plan .notice.error');
      const text = await page.text('.plan .notice.error');
      t.ok(text.length > 20 && !/undefined|\[object/.test(text), text);
      t.note('said of a model that is not there', text);
      // A host that is overloaded for a moment is asked again.
      hub.addFault({ match: 'api/models', status: 503, times: 2 });
      await look(page);
      await page.see('.plan button.primary', 'download');
    },
  },

  'over a metered connection it is asked first': {
    seconds: 60,
    unless: (env) => env.browser !== 'chromium' && 'only Chromium tells of the connection',
    run: async (t) => {
      hub.reset();
      const page = await t.env.open();
      await page.first(() => Object.defineProperty(Navigator.prototype, 'connection', { value: { saveData: true, addEventListener() {} } }));
      await show(page, server.url, 'models');
      await page.evaluate(async () => (await import('./galago/index.js')).cache.clear());
      await look(page);
      await page.click('.plan button.primary', 'download');
      await page.click('dialog button', 'cancel');
      await new Promise((go) => setTimeout(go, 500));
      t.equal(asked(t), 0, 'bytes after no');
      await page.click('.plan button.primary', 'download');
      await page.click('dialog button', 'download anyway');
      await until(page, 'ready');
    },
  },
};
