// js/examples/extension in a Firefox of its own. Its question for a permission is answered with yes by a preference, so that the window's button can be pressed.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { root } from '../harness/server.mjs';
import { startSite } from './extension_page.mjs';
import { launchFirefox } from './marionette.mjs';

const id = 'alternative-texts@galago.example';
let folder, firefox, site;

export async function before() {
  folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'galago-extension-')));
  execFileSync(process.execPath, [path.join(root, 'js/examples/extension/build.mjs'), '--out', folder], { stdio: ['ignore', 'ignore', 'inherit'] });
  site = await startSite();
  // The background page is ended soon, as it is after half a minute else.
  firefox = await launchFirefox({ 'extensions.webextOptionalPermissionPrompts': false, 'extensions.background.idle.timeout': 3000 });
  await firefox.send('Addon:Install', { path: path.join(folder, 'firefox'), temporary: true });
}
export async function after() {
  await firefox?.close();
  await site?.close();
  rmSync(folder, { recursive: true, force: true });
}

const handles = async () => {
  await firefox.send('Marionette:SetContext', { value: 'content' }); // else it lists windows
  const found = await firefox.send('WebDriver:GetWindowHandles');
  return found.value ?? found;
};
const to = async (handle) => {
  await firefox.send('Marionette:SetContext', { value: 'content' });
  await firefox.send('WebDriver:SwitchToWindow', { handle, focus: false });
};
const inPage = `const { extension } = WebExtensionPolicy.getByID('${id}'), win = Services.wm.getMostRecentWindow('navigator:browser'), tab = win.gBrowser.tabs[0];`;

async function until(condition, what, t, ms = 100000) {
  for (const end = Date.now() + ms; Date.now() < end; await new Promise((r) => setTimeout(r, 100))) if (await condition()) return;
  t.fail(`${what}: not within ${ms / 1000} s; here stands ${JSON.stringify(await firefox.run('return document.body.innerText'))}`);
}

/** Opens a page of the site's in the first tab, lets the extension in as a press of its button does, and opens its window in a second tab. */
async function open(t, where) {
  const [page, ...others] = await handles();
  for (const other of others) {
    await to(other);
    await firefox.send('WebDriver:CloseWindow');
  }
  await to(page);
  await firefox.send('WebDriver:Navigate', { url: site.origin + where });
  // The window lies in a tab behind the page: a page that is hidden is not described.
  await firefox.privileged(`${inPage} extension.tabManager.addActiveTabPermission(tab);
    win.gBrowser.addTab(extension.policy.getURL('popup.html') + '?tab=' + extension.tabManager.getWrapper(tab).id, { triggeringPrincipal: Services.scriptSecurityManager.getSystemPrincipal() });`);
  let popup;
  await until(async () => (popup = (await handles()).find((h) => h !== page)), 'the tab', t);
  await to(popup);
  await until(() => firefox.run('return document.querySelector("#go:enabled") !== null'), 'the window', t);
  return { page, popup };
}
const press = () => firefox.run('document.getElementById("go").click()');
const status = () => firefox.run('return document.getElementById("status").textContent');
const alts = (...ids) => firefox.run('return arguments[0].map((id) => document.getElementById(id).getAttribute("alt"))', ids);
const words = (t, n) => `Generated: ${t.env.expected([`shapes-${n}.png`], 'Describe this image.').text}`;

export const tests = {
  'describes the pictures of a page under a strict policy, counts them, and gives the page back': {
    seconds: 180,
    run: async (t) => {
      const { page, popup } = await open(t, '/strict');
      await press();
      await until(async () => (await status()) === '2 pictures described.', 'the window\'s words', t);
      await to(page);
      t.equal(await alts('one', 'two', 'decoration', 'named', 'hidden', 'file'), [words(t, 1), words(t, 2), '', 'Three shapes', null, 'IMG_0003.png']);
      t.equal(await firefox.privileged(`${inPage} const { ExtensionParent } = ChromeUtils.importESModule('resource://gre/modules/ExtensionParent.sys.mjs');
        return ExtensionParent.apiManager.global.browserActionFor(extension).action.getContextData(tab).badgeText;`), '2');
      await to(popup);
      await press();
      await until(async () => (await status()) === 'The page is as it was.', 'undo', t);
      await to(page);
      t.equal(await firefox.run('return document.querySelectorAll("[data-galago-alt], [aria-description]").length'), 0);
      t.equal(await alts('one', 'two'), [null, null]);
    },
  },

  'goes on after the browser ended the background page': {
    seconds: 180,
    run: async (t) => {
      const { page, popup } = await open(t, '/strict');
      await press();
      await until(async () => (await status()) === '2 pictures described.', 'the window\'s words', t);
      await firefox.privileged(`${inPage} await extension.terminateBackground({ ignoreDevToolsAttached: true, disableResetIdleForTest: true }); return extension.backgroundState;`);
      await to(page);
      await firefox.run('document.body.append(Object.assign(new Image(200, 200), { id: "late", src: "/3.png" }))');
      await until(async () => (await alts('late'))[0], 'a later picture\'s text', t);
      t.equal(await alts('late'), [words(t, 3)]);
      await to(popup);
      t.equal(await status(), '3 pictures described.');
    },
  },

  'data: and vector pictures, and one that only this person may see': {
    seconds: 120,
    run: async (t) => {
      const { page } = await open(t, '/kinds');
      await press();
      await until(async () => (await status()) === '3 pictures described.', 'the texts', t);
      await to(page);
      const [data, vector, own] = await alts('data', 'vector', 'private');
      t.equal([data, own], [words(t, 2), words(t, 1)]);
      t.match(vector, /green circle/i);
    },
  },

  'asks for a permission to read another site\'s pictures, and reads them without cookies': {
    seconds: 120,
    run: async (t) => {
      const { page } = await open(t, '/foreign');
      await press();
      await until(async () => /2 pictures could not/.test(await status()), 'the refusal', t);
      t.equal(await firefox.run('return document.getElementById("allow").textContent'), 'Allow pictures from 127.0.0.1');
      site.requests.length = 0;
      const found = await firefox.send('WebDriver:FindElement', { using: 'css selector', value: '#allow' });
      await firefox.send('WebDriver:ElementClick', { id: Object.values(found.value ?? found)[0] });
      // The click brought the window to the front.
      await firefox.privileged(`${inPage} win.gBrowser.selectedTab = tab;`);
      await until(async () => /2 pictures described. 1 picture could not/.test(await status()), 'the texts', t);
      await to(page);
      t.equal(await alts('own', 'foreign', 'secret'), [words(t, 1), words(t, 2), null]);
      const fetched = site.requests.filter((r) => r.server === 'far' && r.mode === 'cors');
      t.ok(fetched.length >= 2 && fetched.every((r) => r.cookie === ''), JSON.stringify(fetched));
    },
  },

  'a site that is described by itself': {
    seconds: 120,
    run: async (t) => {
      const scripts = () => firefox.privileged(`${inPage} return extension.registeredContentScripts.size;`), before = await scripts();
      const { page } = await open(t, '/strict');
      const found = await firefox.send('WebDriver:FindElement', { using: 'css selector', value: '#always' });
      await firefox.send('WebDriver:ElementClick', { id: Object.values(found.value ?? found)[0] });
      await until(() => firefox.run('return document.getElementById("always").checked'), 'the tick', t);
      await firefox.privileged(`${inPage} win.gBrowser.selectedTab = tab;`);
      await until(async () => (await scripts()) > before, 'the registration', t);
      await to(page);
      await firefox.send('WebDriver:Refresh');
      await until(async () => (await alts('one', 'two')).every(Boolean), 'the texts', t);
      t.equal(await alts('one', 'two', 'decoration'), [words(t, 1), words(t, 2), '']);
    },
  },
};
