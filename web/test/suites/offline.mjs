// The page without a network: after one visit, in a new version, with the storage full.
import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, rmSync } from 'node:fs';
import path from 'node:path';
import { answered } from '../ask.mjs';
import { sample, words } from '../native.mjs';
import { little } from '../room.mjs';
import { serve } from '../serve.mjs';

let server, live;

// A copy of the page that the tests replace by other versions.
export async function before(t) {
  live = path.join(t.env.root, `build/web-live-${t.env.browser}`);
  await use(t, t.env.folder);
  server = await serve(live);
}
export async function after() {
  await server.close();
  rmSync(live, { recursive: true, force: true });
}
async function use(t, folder) {
  rmSync(live, { recursive: true, force: true });
  cpSync(folder, live, { recursive: true });
}
const online = async () => (server = await serve(live, { port: server.port }));

/** The page, with a service worker that has taken over. */
async function visit(t, options) {
  const page = await t.env.open(options);
  await page.goto(server.url);
  await controlled(page);
  return page;
}
const controlled = (page) => page.until(async () => {
  const registration = await navigator.serviceWorker.getRegistration();
  return Boolean(navigator.serviceWorker.controller && registration?.active?.state === 'activated');
}, undefined, { what: 'a service worker that controls the page' });

/** Describes a sample picture by the package alone, in the page. */
const describe = (page) => page.evaluate(async () => {
  const { pipeline } = await import('./galago/index.js');
  const vl = await pipeline('image-to-text', 'demo', { device: 'cpu' });
  const [{ generated_text }] = await vl('./samples/shapes-1.png', { max_new_tokens: 80 });
  await vl.dispose();
  return generated_text.trim();
});
const kept = (page) => page.evaluate(async () => (await (await caches.open('galago-page')).keys()).map((r) => r.url.slice(new URL('.', location.href).href.length)));
const spare = async (page) => (await kept(page)).filter((k) => /gguf\?kept/.test(k)).length;
/** What the page tells the worker about the model when it has stood for a while. */
const news = (page, patch = {}) => page.evaluate((p) => navigator.serviceWorker.controller.postMessage(
  { galago: 'model', stored: false, busy: false, used: 0, since: performance.timeOrigin, spare: true, ...p }), patch);
/** Nothing of the page is left; the page is gone, because a registration lives on while a page uses it. */
async function clear(page) {
  await page.evaluate(async () => {
    await (await import('./galago/index.js')).cache.clear();
    for (const registration of await navigator.serviceWorker.getRegistrations()) await registration.unregister();
    for (const name of await caches.keys()) await caches.delete(name);
  });
  await page.goto('about:blank');
}

/** Another version of the page, as a build for another model host. */
function other(t) {
  const to = path.join(t.env.root, `build/web-other-${t.env.browser}`);
  execFileSync(process.execPath, [path.join(t.env.root, 'web/build.mjs'), '--out', to, '--connect', 'https://models.example.org'], { stdio: 'ignore' });
  return to;
}
const version = (page) => page.evaluate(() => (document.querySelector('meta[http-equiv]').content.includes('models.example.org') ? 'other' : 'first'));
const update = (page) => page.evaluate(async () => {
  const registration = await navigator.serviceWorker.getRegistration();
  await registration.update().catch(() => {});
});

async function fresh(t, options) {
  const page = await visit(t, options);
  await clear(page);
  await page.goto(server.url);
  await controlled(page);
  return page;
}

export const tests = {
  'one visit, in which nothing was asked, is enough': {
    seconds: 120,
    run: async (t) => {
      const page = await fresh(t);
      await news(page);
      await page.until(async () => (await (await caches.open('galago-page')).keys()).filter((r) => /gguf\?record/.test(r.url)).length === 2, undefined, { what: 'the spare model' });
      await server.close();
      try {
        await page.reload();
        t.equal(await page.evaluate(() => document.querySelector('.brand')?.textContent.trim()), 'Galago');
        t.equal(await describe(page), words(sample(1)));
      } finally {
        await online();
      }
      // The package has a copy of its own now: the spare one goes.
      await news(page, { stored: true, used: Date.now() });
      await page.until(async () => !(await (await caches.open('galago-page')).keys()).some((r) => /gguf\?kept/.test(r.url)), undefined, { what: 'the spare model gone' });
    },
  },

  'the model that was used is kept once, and opens without waiting for a network': {
    seconds: 120,
    run: async (t) => {
      const page = await fresh(t);
      t.equal(await describe(page), words(sample(1)));
      await news(page, { stored: true, used: Date.now() });
      await page.until(async () => (await (await caches.open('galago-page')).keys()).filter((r) => /gguf\?record/.test(r.url)).length === 2, undefined, { what: 'the records' });
      t.equal(await spare(page), 0);
      await server.close();
      try {
        await page.reload();
        const start = Date.now();
        t.equal(await describe(page), words(sample(1)));
        t.note('opened and answered without a network, ms', Date.now() - start);
      } finally {
        await online();
      }
      // Deleted by the person: it is not fetched again behind their back.
      await page.evaluate(async () => (await import('./galago/index.js')).cache.remove('demo'));
      await news(page);
      await new Promise((go) => setTimeout(go, 1000));
      t.equal(await spare(page), 0);
      t.equal(await describe(page), words(sample(1)), 'fetched again when asked for');
    },
  },

  'parts of kept files': async (t) => {
    const page = await fresh(t);
    const answers = await page.evaluate(async () => {
      const whole = new Uint8Array(await (await fetch('./logo.svg')).arrayBuffer()), out = [];
      for (const [range, first, end] of [['bytes=3-9', 3, 10], ['bytes=5-', 5, whole.length], ['bytes=-4', whole.length - 4, whole.length]]) {
        const r = await fetch('./logo.svg', { headers: { range } });
        const bytes = new Uint8Array(await r.arrayBuffer());
        out.push([r.status, r.headers.get('content-range') === `bytes ${first}-${end - 1}/${whole.length}`, bytes.join() === whole.slice(first, end).join(), r.headers.get('content-type')]);
      }
      const bad = await fetch('./logo.svg', { headers: { range: `bytes=${whole.length}-` } });
      return [...out, [bad.status, bad.headers.get('content-range') === `bytes */${whole.length}`]];
    });
    t.equal(answers, [...Array(3).fill([206, true, true, 'image/svg+xml']), [416, true]]);
  },

  'a new version is offered whole, and waits for other tabs': {
    seconds: 120,
    run: async (t) => {
      const page = await fresh(t), second = await visit(t);
      await use(t, other(t));
      await update(page);
      await page.see('.toast', 'new version');
      t.equal(await version(page), 'first');
      await page.reload();
      t.equal(await version(page), 'first', 'a reload alone mixes nothing');
      await page.click('.toast button', 'reload');
      await page.see('.toast', 'other open tab');
      await second.close();
      await page.reload();
      await page.see('.toast', 'new version');
      await page.click('.toast button', 'reload');
      await page.until(() => document.querySelector('meta[http-equiv]')?.content.includes('models.example.org'), undefined, { what: 'the new version' });
      t.equal((await kept(page)).filter((k) => /^index.html/.test(k)).length, 1, 'files of the old version are gone');
      await use(t, t.env.folder);
    },
  },

  'a server in the middle of an update': {
    seconds: 60,
    run: async (t) => {
      const page = await fresh(t);
      copyFileSync(path.join(other(t), 'sw.js'), path.join(live, 'sw.js'));
      await update(page);
      await new Promise((go) => setTimeout(go, 1500));
      t.equal(await page.evaluate(async () => { const r = await navigator.serviceWorker.getRegistration(); return [Boolean(r.waiting), r.active.state]; }), [false, 'activated']);
      await server.close();
      try {
        await page.reload();
        t.equal(await version(page), 'first');
      } finally {
        await use(t, t.env.folder);
        await online();
      }
    },
  },

  'no room for the files': {
    seconds: 90,
    unless: (env) => env.browser === 'webkit' && 'it sets no limit while it is driven, and its service worker cannot be reached to make one up',
    run: async (t) => {
      const tight = await little(t, server, 200_000);
      try {
        const page = await t.env.open({}, tight.browser);
        await page.goto(server.url);
        await controlled(page);
        await clear(page);
        // (A page of the server's own, in which nothing is kept.)
        await page.goto(`${server.url}logo.svg`);
        await tight.take(page);
        await page.goto(server.url);
        await page.see('.toast', 'no room');
        await page.see('h1');
        t.equal(await kept(page), [], 'nothing half kept');
        // The model finds no room either: it is used all the same.
        await page.click('[part~=sample]');
        await page.click('button', '^Describe$');
        t.equal((await answered(page)).answer, words(sample(1)));
      } finally {
        await t.env.closePages();
        await tight.close();
      }
    },
  },

  'without service workers the page is the same': {
    seconds: 60,
    unless: (env) => env.browser === 'webkit' && 'its driver tells a page nothing before it begins',
    run: async (t) => {
      const page = await t.env.open();
      await page.first(() => Object.defineProperty(Navigator.prototype, 'serviceWorker', { value: undefined }));
      await page.goto(server.url);
      await page.see('h1');
      t.equal(await describe(page), words(sample(1)));
      t.equal(page.complaints, []);
    },
  },

  'in a folder of a host': {
    seconds: 60,
    run: async (t) => {
      cpSync(t.env.folder, path.join(live, 'deep/er'), { recursive: true });
      const page = await visit(t);
      await clear(page);
      await page.goto(`${server.url}deep/er/`);
      await controlled(page);
      t.match(await page.evaluate(() => navigator.serviceWorker.controller.scriptURL), /\/deep\/er\/sw\.js$/);
      t.equal(await describe(page), words(sample(1)));
      await clear(page);
    },
  },
};
