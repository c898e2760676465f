// Chromium, by the driver of the package's tests.
import * as harness from '../../../js/test/browser/harness/chromium.mjs';
import { Page } from './page.mjs';

export const { name, missing } = harness;

const cameras = {
  works: ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'],
  refused: ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream=deny'],
};

/** `camera`: 'works' or 'refused' for a made-up one; without it there is none. */
export async function launch({ camera } = {}) {
  const browser = await harness.launch({ args: cameras[camera] });
  const { context } = browser;
  return {
    version: browser.version,
    context,
    async open({ width = 1280, height = 800, dark = false, reduced = false, touch = false, forced = false } = {}) {
      const tab = await context.newPage();
      const cdp = await context.newCDPSession(tab);
      await tab.setViewportSize({ width, height });
      await tab.emulateMedia({ colorScheme: dark ? 'dark' : 'light', reducedMotion: reduced ? 'reduce' : 'no-preference', forcedColors: forced ? 'active' : 'none' });
      if (touch) await cdp.send('Emulation.setTouchEmulationEnabled', { enabled: true, maxTouchPoints: 5 });
      const page = new Page({
        evaluate: (code) => tab.evaluate(code),
        goto: (url) => tab.goto(url),
        first: (fn) => tab.addInitScript(fn),
        reload: () => tab.reload(),
        viewport: (w, h) => tab.setViewportSize({ width: w, height: h }),
        screenshot: (file) => tab.screenshot({ path: file }),
        press: async (keys) => {
          for (const key of keys) await tab.keyboard.press(key);
        },
        type: (text) => tab.keyboard.type(text),
        press_at: (x, y) => (touch ? tab.touchscreen.tap(x, y).catch(() => tab.mouse.click(x, y)) : tab.mouse.click(x, y)),
        files: async (code, paths) => (await tab.evaluateHandle(code)).asElement().setInputFiles(paths),
        drop: async ({ x, y }, files) => {
          for (const type of ['dragEnter', 'dragOver', 'drop']) await cdp.send('Input.dispatchDragEvent', { type, x, y, data: { items: [], files, dragOperationsMask: 1 } });
        },
        close: () => tab.close(),
      });
      Object.assign(page, { tab, cdp });
      tab.on('console', (m) => ['error', 'warning'].includes(m.type()) && page.complaints.push(`${m.type()}: ${m.text()} ${m.location().url}`));
      tab.on('pageerror', (e) => page.complaints.push(String(e)));
      return page;
    },
    close: () => browser.close(),
  };
}
