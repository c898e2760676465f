// The camera: a made-up one of the browser's own, which shows a moving pattern; refused, none there, and no https.
import { networkInterfaces } from 'node:os';
import { serve } from '../serve.mjs';
import { show, stands } from '../views.mjs';
import { heard, voice } from '../voice.mjs';

export const launch = { camera: 'works' };

const started = async (page, url) => {
  await show(page, url, 'camera');
  await page.click('button', 'start the camera');
};

/** What a browser with another camera, or none, says after Start. */
async function told(t, camera, words) {
  const other = await t.env.launch({ camera });
  try {
    const page = await t.env.open({}, other);
    await started(page, t.env.url);
    await page.see('.view-camera .notice.error', words);
    await page.see('button', 'start the camera');
    t.equal(page.complaints, []);
  } finally {
    await t.env.closePages();
    await other.close();
  }
}

/** The view with a made-up voice, the camera on and what it says to be said aloud. */
async function aloud(t, mute) {
  const page = await t.env.open();
  await show(page, t.env.url, 'ask');
  // The view looks for a voice when it is made.
  await voice(page, mute);
  await page.evaluate(() => void (location.hash = '#camera'));
  await stands(page, 'camera');
  await page.click('.view-camera label.check', 'say it aloud');
  await page.click('button', 'start the camera');
  await page.until(() => globalThis.spoken.length > 0, undefined, { what: 'the first words for the voice', seconds: 90 });
  return page;
}
const past = (page) => page.evaluate(() => [...document.querySelectorAll('.c-history p')].map((p) => p.textContent));

export const tests = {
  'says what it sees, until it is stopped': {
    seconds: 120,
    run: async (t) => {
      const page = await t.env.open();
      await show(page, t.env.url, 'camera');
      await page.evaluate(() => {
        globalThis.said = [];
        const live = document.getElementById('live-polite');
        new MutationObserver(() => live.textContent && globalThis.said.push(live.textContent)).observe(live, { childList: true, characterData: true, subtree: true });
      });
      await page.click('button', 'start the camera');
      await page.until(() => document.querySelector('[data-test=camera-words]').textContent.trim().length > 3, undefined, { what: 'words', seconds: 90 });
      await page.until(() => document.querySelectorAll('.c-history li').length > 0, undefined, { what: 'what was said before', seconds: 60 });
      t.ok(await page.evaluate(() => document.querySelector('video').videoWidth > 0), 'a picture');
      await page.until(() => globalThis.said.some((s) => /\w{3}/.test(s)), undefined, { what: 'words for a screen reader' });
      await page.until(() => /pictures a minute|waits to save power/.test(document.querySelector('[data-test=camera-state]').textContent), undefined, { what: 'the pace', seconds: 60 });
      t.note('pace', await page.text('[data-test=camera-state]'));
      await page.screenshot(`${t.env.shots}/camera-on-${t.env.browser}.png`);
      await page.click('.view-camera button', '^Stop$');
      await page.see('button', 'start the camera');
      t.equal(await page.evaluate(() => document.querySelector('video').srcObject), null, 'the camera is given back');
      t.equal(page.complaints, []);
    },
  },

  'said aloud, one at a time, the newest next': {
    seconds: 150,
    run: async (t) => {
      const page = await aloud(t);
      await page.evaluate(() => {
        globalThis.said = [];
        const live = document.getElementById('live-polite');
        new MutationObserver(() => live.textContent && globalThis.said.push(live.textContent)).observe(live, { childList: true, characterData: true, subtree: true });
      });
      // Meanwhile there are other words: another question is asked of the same picture.
      await page.click('.view-camera label', 'read the text');
      await page.until(() => document.querySelectorAll('.c-history li').length > 1, undefined, { what: 'a second answer', seconds: 90 });
      const [[first, language]] = (await heard(page))[0];
      t.equal([(await heard(page))[0].length, language], [1, 'en'], 'what is being said is not interrupted');
      await page.evaluate(() => globalThis.finish());
      await page.until(() => globalThis.spoken.length === 2, undefined, { what: 'the next words' });
      const [, [second]] = (await heard(page))[0], words = await past(page);
      t.ok(second !== first && words.includes(second), `${JSON.stringify([first, second])} of ${JSON.stringify(words)}`);
      t.equal((await page.evaluate(() => globalThis.said)).filter((s) => words.includes(s)), [], 'and is not said twice, by a screen reader too');
      await page.click('.view-camera button', '^Stop$');
      await page.see('button', 'start the camera');
      const [spoken, cancelled] = await heard(page);
      t.ok(cancelled > 0, 'the voice is told to stop');
      await new Promise((go) => setTimeout(go, 500));
      t.equal((await heard(page))[0], spoken, 'nothing is said after Stop');
      t.equal(page.complaints, []);
    },
  },

  'a voice that never begins is told of': {
    seconds: 120,
    run: async (t) => {
      const page = await aloud(t, true);
      await page.see('.toast', 'no voice');
      t.equal(await page.evaluate(() => document.querySelector('.view-camera label.check input').checked), false);
      t.ok(await page.shows('.view-camera button', '^Stop$'), 'the camera goes on');
    },
  },

  'given back when another view is shown': {
    seconds: 90,
    run: async (t) => {
      const page = await t.env.open();
      await started(page, t.env.url);
      await page.until(() => document.querySelector('video').videoWidth > 0, undefined, { what: 'the picture' });
      await page.evaluate(() => { globalThis.track = document.querySelector('video').srcObject.getVideoTracks()[0]; location.hash = '#settings'; });
      await page.until(() => globalThis.track.readyState === 'ended', undefined, { what: 'the camera given back' });
    },
  },

  'a picture of it, to be asked about': {
    seconds: 120,
    run: async (t) => {
      const page = await t.env.open();
      await started(page, t.env.url);
      await page.see('.view-camera button', 'ask about this picture');
      await page.until(() => document.querySelector('video').videoWidth > 0, undefined, { what: 'the picture' });
      await page.click('.view-camera button', 'ask about this picture');
      await page.until(() => document.querySelector('galago-image-assistant')?.pictures.length === 1, undefined, { what: 'the picture in the other view' });
    },
  },

  'unplugged while it is on': {
    seconds: 60,
    run: async (t) => {
      const page = await t.env.open();
      await show(page, t.env.url, 'camera');
      // (Firefox hands on no such event of a script's: who listens is remembered and called.)
      await page.evaluate(() => {
        MediaStreamTrack.prototype.addEventListener = function (type, heard) {
          if (type === 'ended') globalThis.unplug = () => heard.call(this, new Event(type));
        };
      });
      await page.click('button', 'start the camera');
      await page.until(() => document.querySelector('video').videoWidth > 0, undefined, { what: 'the picture' });
      await page.evaluate(() => globalThis.unplug());
      await page.see('.view-camera .notice.error', 'not there any longer');
      await page.see('button', 'start the camera');
    },
  },

  'refused': {
    seconds: 60,
    run: async (t) => {
      if (t.env.browser !== 'webkit') return told(t, 'refused', 'was not allowed');
      // Its question to the person cannot be answered by a driver: the refusal is made up.
      const page = await t.env.open();
      await show(page, t.env.url, 'camera');
      await page.evaluate(() => void (navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('Permission denied', 'NotAllowedError'))));
      await page.click('button', 'start the camera');
      await page.see('.view-camera .notice.error', 'was not allowed');
      await page.see('button', 'start the camera');
    },
  },

  'none there': { seconds: 60, run: (t) => told(t, undefined, 'no camera was found') },

  'without https it is said why': {
    seconds: 60,
    run: async (t) => {
      const host = Object.values(networkInterfaces()).flat().find((i) => i.family === 'IPv4' && !i.internal)?.address;
      if (!host) t.skip('this machine has no address but its own, which browsers trust');
      const server = await serve(t.env.folder, { host });
      try {
        const page = await t.env.open();
        await started(page, server.url);
        await page.see('.view-camera .notice.error', 'secure address');
      } finally {
        await server.close();
      }
    },
  },
};
