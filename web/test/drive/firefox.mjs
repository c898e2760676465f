// Firefox ESR, over WebDriver BiDi.
import { existsSync } from 'node:fs';
import { missing as lacking } from '../../../js/test/browser/harness/firefox.mjs';
import { Page } from './page.mjs';

export const name = 'firefox';
/** These tests compute on the CPU and need no graphics driver. */
export const missing = () => lacking().filter((p) => p.startsWith('firefox'));

const cameras = {
  works: { 'media.navigator.streams.fake': true, 'media.navigator.permission.disabled': true },
  refused: { 'media.navigator.streams.fake': true, 'permissions.default.camera': 2 },
};

/** `camera`: 'works' or 'refused' for a made-up one; without it there is none. `full`: room for 26 MB alone (a fifth of what is set).
 * `reduced`: the person wishes little motion. */
export async function launch({ camera, full, reduced } = {}) {
  const { default: puppeteer } = await import('puppeteer-core');
  const executablePath = process.env.FIREFOX ?? ['/usr/bin/firefox-esr', '/usr/bin/firefox'].find(existsSync);
  const browser = await puppeteer.launch({
    browser: 'firefox', executablePath, headless: true,
    extraPrefsFirefox: {
      'dom.webgpu.enabled': false, 'security.sandbox.content.level': process.getuid?.() === 0 ? 0 : 4, 'datareporting.policy.dataSubmissionEnabled': false,
      'app.update.auto': false, 'services.settings.server': 'data:,', 'network.captive-portal-service.enabled': false, 'dom.max_script_run_time': 0,
      ...cameras[camera], ...(reduced ? { 'ui.prefersReducedMotion': 1 } : {}), ...(full ? { 'dom.quotaManager.temporaryStorage.fixedLimit': 128_000 } : {}),
    },
  });
  return {
    version: (await browser.version()).replace('/', ' '),
    async open({ width = 1280, height = 800 } = {}) {
      const tab = await browser.newPage();
      await tab.setViewport({ width, height });
      const page = new Page({
        evaluate: (code) => tab.evaluate(code),
        goto: (url) => tab.goto(url),
        first: (fn) => tab.evaluateOnNewDocument(fn),
        reload: () => tab.reload(),
        viewport: (w, h) => tab.setViewport({ width: w, height: h }),
        screenshot: (file) => tab.screenshot({ path: file }),
        press: async (keys) => {
          for (const key of keys) {
            const parts = key.split('+');
            for (const k of parts.slice(0, -1)) await tab.keyboard.down(k);
            await tab.keyboard.press(parts.at(-1));
            for (const k of parts.slice(0, -1)) await tab.keyboard.up(k);
          }
        },
        type: (text) => tab.keyboard.type(text),
        press_at: (x, y) => tab.mouse.click(x, y),
        files: async (code, paths) => (await tab.evaluateHandle(code)).asElement().uploadFile(...paths),
        close: () => tab.close(),
      });
      page.tab = tab;
      tab.on('console', (m) => ['error', 'warn'].includes(m.type()) && page.complaints.push(`${m.type()}: ${m.text()}`));
      tab.on('pageerror', (e) => page.complaints.push(String(e)));
      return page;
    },
    close: () => browser.close(),
  };
}
