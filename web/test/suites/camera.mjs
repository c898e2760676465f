// The camera: a made-up one of Chromium's, which shows a moving pattern.
import { show } from '../views.mjs';

export const launch = { args: ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'] };

export const tests = {
  'says what it sees, until it is stopped': {
    seconds: 120,
    run: async (t) => {
      const page = await t.env.open();
      await show(page, t.env.url, 'camera');
      await page.click('button', 'start the camera');
      await page.until(() => document.querySelector('[data-test=camera-words]').textContent.trim().length > 3, undefined, { what: 'words', seconds: 90 });
      await page.until(() => document.querySelectorAll('.c-history li').length > 0, undefined, { what: 'what was said before', seconds: 60 });
      t.ok(await page.evaluate(() => document.querySelector('video').videoWidth > 0), 'a picture');
      await page.screenshot(`${t.env.shots}/camera-on.png`);
      await page.click('.view-camera button', '^Stop$');
      await page.see('button', 'start the camera');
      t.equal(await page.evaluate(() => document.querySelector('video').srcObject), null, 'the camera is given back');
      t.equal(page.complaints, []);
    },
  },

  'given back when another view is shown': {
    seconds: 90,
    run: async (t) => {
      const page = await t.env.open();
      await show(page, t.env.url, 'camera');
      await page.click('button', 'start the camera');
      await page.until(() => document.querySelector('video').videoWidth > 0, undefined, { what: 'the picture' });
      await page.evaluate(() => { globalThis.track = document.querySelector('video').srcObject.getVideoTracks()[0]; location.hash = '#settings'; });
      await page.until(() => globalThis.track.readyState === 'ended', undefined, { what: 'the camera given back' });
    },
  },

  'a picture of it, to be asked about': {
    seconds: 120,
    run: async (t) => {
      const page = await t.env.open();
      await show(page, t.env.url, 'camera');
      await page.click('button', 'start the camera');
      await page.see('.view-camera button', 'ask about this picture');
      await page.until(() => document.querySelector('video').videoWidth > 0, undefined, { what: 'the picture' });
      await page.click('.view-camera button', 'ask about this picture');
      await page.until(() => document.querySelector('galago-image-assistant')?.pictures.length === 1, undefined, { what: 'the picture in the other view' });
    },
  },

  'refused': {
    seconds: 60,
    run: async (t) => {
      const page = await t.env.open();
      await page.tab.addInitScript(() => (navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('Permission denied', 'NotAllowedError'))));
      await show(page, t.env.url, 'camera');
      await page.click('button', 'start the camera');
      await page.see('.view-camera .notice.error', 'was not allowed');
      await page.see('button', 'start the camera');
    },
  },

  'none there': {
    seconds: 60,
    run: async (t) => {
      const page = await t.env.open();
      await page.tab.addInitScript(() => (navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('Requested device not found', 'NotFoundError'))));
      await show(page, t.env.url, 'camera');
      await page.click('button', 'start the camera');
      await page.see('.view-camera .notice.error', 'no camera was found');
    },
  },
};
