// js/examples/extension in a Chromium of its own: pages of other people's, under policies that allow nothing, get alternative texts and are given back.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as chromium from '../harness/chromium.mjs';
import { root } from '../harness/server.mjs';
import { startSite } from './extension_page.mjs';

let folder, browser, site, worker, complaints;

export async function before() {
  folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'galago-extension-')));
  execFileSync(process.execPath, [path.join(root, 'js/examples/extension/build.mjs'), '--out', folder], { stdio: ['ignore', 'ignore', 'inherit'] });
  site = await startSite();
  await launch('chromium');
}
export async function after() {
  await browser?.close();
  await site?.close();
  rmSync(folder, { recursive: true, force: true });
}

async function launch(name) {
  await browser?.close();
  complaints = [];
  // With the flag a test may press the toolbar button.
  browser = await chromium.launch({ extension: path.join(folder, name), args: ['--enable-unsafe-extension-debugging'] });
  worker = browser.context.serviceWorkers()[0] ?? (await browser.context.waitForEvent('serviceworker'));
}

/** A page of the site's, with what it complains of kept. */
async function open(where) {
  const page = await browser.context.newPage();
  page.on('console', (m) => m.type() === 'error' && complaints.push(m.text()));
  page.on('pageerror', (e) => complaints.push(String(e)));
  await page.goto(site.origin + where);
  return page;
}

/** Presses the toolbar button, which lets the extension into this page alone, and opens its window in a tab, where it can be driven. */
async function press(page) {
  const session = await browser.context.browser().newBrowserCDPSession(), id = new URL(worker.url()).host;
  await page.bringToFront();
  const { targetInfos } = await session.send('Target.getTargets', { filter: [{ type: 'tab' }] });
  await session.send('Extensions.triggerAction', { id, targetId: targetInfos.find((t) => t.url === page.url()).targetId });
  await session.detach();
  const tab = await worker.evaluate(async (url) => (await chrome.tabs.query({})).find((t) => t.url === url).id, page.url());
  const popup = await browser.context.newPage();
  popup.on('pageerror', (e) => complaints.push(String(e)));
  popup.on('console', (m) => m.type() === 'error' && complaints.push(m.text()));
  await popup.goto(`chrome-extension://${id}/popup.html?tab=${tab}`);
  await popup.waitForSelector('#go:enabled');
  // A page in the background is not described.
  await page.bringToFront();
  return { popup, tab };
}

const start = (popup) => popup.evaluate(() => document.getElementById('go').click());
const alts = (page, ...ids) => page.evaluate((ids) => ids.map((id) => document.getElementById(id).getAttribute('alt')), ids);
const status = (popup) => popup.textContent('#status');
const badge = (tab) => worker.evaluate((tabId) => chrome.action.getBadgeText({ tabId }), tab);
const save = (changes) => worker.evaluate((c) => chrome.storage.local.set(c), changes);

async function until(condition, what, t, popup, ms = 100000) {
  for (const end = Date.now() + ms; Date.now() < end; await new Promise((r) => setTimeout(r, 100))) if (await condition()) return;
  t.fail(`${what}: not within ${ms / 1000} s; the window says ${JSON.stringify(popup ? await popup.evaluate(() => document.body.innerText) : '')}; ${complaints.join(' | ')}`);
}
const words = (t, n) => `Generated: ${t.env.expected([`shapes-${n}.png`], 'Describe this image.').text}`;

export const tests = {
  'describes the pictures of a page under a strict policy, counts them, and gives the page back': {
    seconds: 180,
    run: async (t) => {
      const page = await open('/strict'), before = await page.content(), { popup, tab } = await press(page);
      t.equal(await popup.textContent('#go'), 'Describe the pictures of this page');
      await start(popup);
      await until(async () => (await alts(page, 'one', 'two')).every(Boolean), 'the texts', t, popup);
      t.equal(await alts(page, 'one', 'two', 'decoration', 'named', 'hidden', 'file'), [words(t, 1), words(t, 2), '', 'Three shapes', null, 'IMG_0003.png']);
      t.equal(await page.evaluate(() => [...document.querySelectorAll('[data-galago-alt=generated]')].map((e) => e.id)), ['one', 'two']);
      await until(async () => (await status(popup)) === '2 pictures described.', 'the window\'s words', t, popup);
      t.equal([await badge(tab), await popup.textContent('#go')], ['2', 'Undo']);

      // A picture that comes later.
      await page.evaluate(() => document.body.append(Object.assign(new Image(200, 200), { id: 'late', src: '/3.png' })));
      await until(async () => (await alts(page, 'late'))[0], 'a later picture\'s text', t, popup);
      t.equal(await alts(page, 'late'), [words(t, 3)]);
      await page.evaluate(() => document.getElementById('late').remove());

      await start(popup); // which is Undo now
      await until(async () => (await status(popup)) === 'The page is as it was.', 'undo', t, popup);
      t.equal(await page.content(), before);
      t.equal([await badge(tab), await popup.textContent('#go')], ['', 'Describe the pictures of this page']);
      t.equal(complaints, []);
      // And once more.
      await start(popup);
      await until(async () => (await badge(tab)) === '2', 'the second time', t, popup);
      await page.close();
      await popup.close();
    },
  },

  'data: and vector pictures, and one that only this person may see': {
    seconds: 120,
    run: async (t) => {
      const page = await open('/kinds'), { popup } = await press(page);
      await start(popup);
      await until(async () => (await alts(page, 'data', 'vector', 'private')).every(Boolean), 'the texts', t, popup);
      const [data, vector, own] = await alts(page, 'data', 'vector', 'private');
      t.equal([data, own], [words(t, 2), words(t, 1)]);
      t.match(vector, /green circle/i);
      await page.close();
      await popup.close();
    },
  },

  'a picture of another site is refused without a permission, and the window offers to ask': {
    seconds: 120,
    run: async (t) => {
      const page = await open('/foreign'), { popup } = await press(page);
      await start(popup);
      await until(async () => (await alts(page, 'own'))[0] && /2 pictures could not/.test(await status(popup)), 'the texts', t, popup);
      t.equal(await alts(page, 'own', 'foreign'), [words(t, 1), null]);
      t.equal(await page.getAttribute('#foreign', 'data-galago-alt'), 'failed');
      t.match(await popup.textContent('#reasons'), /Pictures of 127\.0\.0\.1:\d+ may not be read/);
      t.equal([await popup.isVisible('#allow'), await popup.textContent('#allow')], [true, 'Allow pictures from 127.0.0.1']);
      await page.close();
      await popup.close();
    },
  },

  'options are used: file names, prefix, length, line': {
    seconds: 120,
    run: async (t) => {
      await save({ replace: 'filenames', prefix: '', max_length: 60, badge: true });
      const page = await open('/strict'), { popup } = await press(page);
      await start(popup);
      await until(async () => (await alts(page, 'file'))[0] !== 'IMG_0003.png', 'the text for a file name', t, popup);
      const [text] = await alts(page, 'file');
      t.ok(text.length <= 60 && words(t, 3).slice('Generated: '.length).startsWith(text.replace(/…$/, '')), text);
      await until(() => page.evaluate(() => getComputedStyle(document.getElementById('file')).outlineStyle === 'dashed'), 'the line', t, popup);
      await worker.evaluate(() => chrome.storage.local.clear());
      await page.close();
      await popup.close();
    },
  },

  'a page without such pictures is said to have none': {
    seconds: 120,
    run: async (t) => {
      const page = await open('/none'), { popup } = await press(page);
      await start(popup);
      await until(async () => /No picture lacks a text/.test(await status(popup)), 'the words', t, popup);
      await page.close();
      await popup.close();
    },
  },

  'a model that cannot be had is said': {
    seconds: 120,
    run: async (t) => {
      await save({ model: `${site.origin}/absent.gguf` });
      const page = await open('/strict'), { popup } = await press(page);
      await start(popup);
      await until(async () => /absent\.gguf/.test(await status(popup)), 'the reason', t, popup);
      t.equal(await alts(page, 'one'), [null]);
      await worker.evaluate(() => chrome.storage.local.clear());
      await page.close();
      await popup.close();
    },
  },

  'the options page says what is wrong, and keeps what is right': async (t) => {
    const id = new URL(worker.url()).host, page = await browser.context.newPage();
    await page.goto(`chrome-extension://${id}/options.html`);
    const submit = async (fields) => {
      for (const [name, value] of Object.entries(fields)) await page.fill(`#${name}`, value);
      await page.evaluate(() => document.getElementById('status').replaceChildren());
      await page.click('form > button');
      await until(async () => page.textContent('#status'), 'an answer', t);
      return page.textContent('#status');
    };
    t.match(await submit({ model: 'two words' }), /"two words" is no model's name/);
    t.match(await submit({ model: 'demo', language: 'German' }), /"German" is no code/);
    t.match(await submit({ language: 'de', sites: 'a b:// ???' }), /is no site/);
    t.equal(await submit({ sites: '', prefix: 'Guess: ' }), 'Saved.');
    t.equal(await worker.evaluate(() => chrome.storage.local.get(['prefix', 'language'])), { prefix: 'Guess: ', language: 'de' });
    await worker.evaluate(() => chrome.storage.local.clear());
    await page.close();
  },

  // The browser's question for a permission cannot be answered from outside: here the manifest has asked for it.
  'with permissions: pictures of other sites, without cookies; and a site that is described by itself': {
    seconds: 180,
    run: async (t) => {
      const file = path.join(folder, 'chromium/manifest.json'), manifest = JSON.parse(readFileSync(file, 'utf8'));
      writeFileSync(file, JSON.stringify({ ...manifest, host_permissions: ['*://localhost/*', '*://127.0.0.1/*'] }));
      await launch('chromium');
      await (await browser.context.newPage()).goto(`${site.other}/cookie`);
      await save({ sites: ['localhost'] });
      await until(async () => (await worker.evaluate(() => chrome.scripting.getRegisteredContentScripts())).length === 1, 'the registration', t);
      site.requests.length = 0;
      const page = await open('/foreign');
      await until(async () => (await alts(page, 'own', 'foreign')).every(Boolean), 'the texts', t);
      t.equal(await alts(page, 'own', 'foreign'), [words(t, 1), words(t, 2)]);
      await until(async () => (await page.getAttribute('#secret', 'data-galago-alt')) === 'failed', 'the private picture\'s mark', t);
      const fetched = site.requests.filter((r) => r.server === 'far' && r.mode === 'cors');
      t.ok(fetched.length >= 2 && fetched.every((r) => r.cookie === ''), `with cookies: ${JSON.stringify(fetched)}`);
      await save({ sites: [] });
      await until(async () => (await worker.evaluate(() => chrome.scripting.getRegisteredContentScripts())).length === 0, 'the end of the registration', t);
      const again = await open('/strict');
      await new Promise((r) => setTimeout(r, 1500));
      t.equal(await again.evaluate(() => document.querySelectorAll('[data-galago-alt]').length), 0);
    },
  },
};
