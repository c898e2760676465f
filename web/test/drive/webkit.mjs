// WebKitGTK over plain WebDriver, by the driver of the package's tests. A page is a window; the first is used again and again.
import { writeFile } from 'node:fs/promises';
import * as harness from '../../../js/test/browser/harness/webkit.mjs';
import { Page } from './page.mjs';

export const { name, missing } = harness;

const ELEMENT = 'element-6066-11e4-a52e-4f735466cecf';
const KEYS = { Tab: '\uE004', Enter: '\uE007', Escape: '\uE00C', ArrowDown: '\uE015', ArrowUp: '\uE013', ArrowRight: '\uE014', ArrowLeft: '\uE012', Shift: '\uE008', Control: '\uE009', ' ': ' ', Space: ' ', Home: '\uE011', End: '\uE010' };

const cameras = { works: ['--enable-mock-capture-devices=true', '--features=-MockCaptureDevicesPrompt'] };

/** `camera`: 'works' for a made-up one; without it there is none. */
export async function launch({ camera } = {}) {
  const browser = await harness.launch({ args: cameras[camera] });
  let first = null, free = true, shown = null, before = Promise.resolve();
  // Commands go to the window that was chosen last, so they wait for each other.
  const within = (handle, method, route, body) => {
    const mine = before.then(async () => {
      if (shown !== handle) await browser.call('POST', '/window', { handle });
      shown = handle;
      return browser.call(method, route, body);
    });
    before = mine.catch(() => {});
    return mine;
  };
  return {
    get version() {
      return browser.version;
    },
    async open({ width = 1280, height = 800 } = {}) {
      if (!first) {
        await browser.open('about:blank');
        first = shown = await browser.call('GET', '/window');
      }
      const handle = free ? first : (await browser.call('POST', '/window/new', { type: 'window' })).handle;
      const call = (method, route, body) => within(handle, method, route, body);
      if (handle === first) {
        free = false;
        await call('POST', '/url', { url: 'about:blank' });
      }
      const actions = (...list) => call('POST', '/actions', { actions: list });
      const size = async (w, h) => {
        await call('POST', '/window/rect', { width: w, height: h });
        // The window has borders and bars: what is missing inside is added.
        const [iw, ih] = await call('POST', '/execute/sync', { script: 'return [innerWidth, innerHeight]', args: [] });
        await call('POST', '/window/rect', { width: w + w - iw, height: h + h - ih });
      };
      const page = new Page({
        // A promise is waited for.
        evaluate: async (code) => {
          const out = await call('POST', '/execute/async', {
            script: `const done = arguments[0]; Promise.resolve().then(() => (${code})).then((value) => done({ value: value ?? null }), (e) => done({ error: String(e?.stack ?? e) }))`, args: [],
          });
          if (out.error) throw new Error(out.error);
          return out.value;
        },
        goto: (url) => call('POST', '/url', { url }),
        reload: () => call('POST', '/refresh', {}),
        viewport: size,
        screenshot: async (file) => writeFile(file, Buffer.from(await call('GET', '/screenshot'), 'base64')),
        press: async (keys) => {
          for (const key of keys) {
            const parts = key.split('+').map((k) => KEYS[k] ?? k);
            await actions({ type: 'key', id: 'keys', actions: [...parts.map((value) => ({ type: 'keyDown', value })), ...[...parts].reverse().map((value) => ({ type: 'keyUp', value }))] });
          }
        },
        type: (text) => actions({ type: 'key', id: 'keys', actions: [...text].flatMap((value) => [{ type: 'keyDown', value }, { type: 'keyUp', value }]) }),
        press_at: (x, y) => actions({
          type: 'pointer', id: 'mouse', parameters: { pointerType: 'mouse' },
          actions: [{ type: 'pointerMove', x: Math.round(x), y: Math.round(y), origin: 'viewport' }, { type: 'pointerDown', button: 0 }, { type: 'pointerUp', button: 0 }],
        }),
        files: async (code, paths) => {
          const element = await call('POST', '/execute/sync', { script: `return ${code}`, args: [] });
          await call('POST', `/element/${element[ELEMENT]}/value`, { text: paths.join('\n') });
        },
        close: async () => {
          if (handle === first) return void (free = true);
          await call('DELETE', '/window');
          shown = null;
        },
      });
      await size(width, height);
      return page;
    },
    close: () => browser.close(),
  };
}
