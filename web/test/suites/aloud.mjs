// Reading aloud, by a voice that is made up: what it is given, in which language, and what the button says meanwhile.
import path from 'node:path';
import { addSample, answered } from '../ask.mjs';
import { sample, words } from '../native.mjs';
import { show } from '../views.mjs';
import { heard, voice } from '../voice.mjs';

/** The page with an answer to be read, in a language. */
async function withAnswer(t, language, describe) {
  const page = await t.env.open();
  await show(page, t.env.url, 'ask');
  await page.evaluate((to) => localStorage.setItem('galago.settings', JSON.stringify({ language: to })), language);
  await page.reload();
  await page.until((to) => document.documentElement.lang === to, language, { what: `lang=${language}` });
  await voice(page);
  await addSample(page);
  await page.click('button', describe);
  await answered(page);
  return page;
}

export const tests = {
  'an answer is read, stopped, and read to its end': {
    seconds: 90,
    run: async (t) => {
      const page = await withAnswer(t, 'en', '^Describe$'), text = words(sample(1));
      await page.click('button', '^Read aloud$');
      await page.see('button', '^Stop reading$');
      t.equal(await heard(page), [[[text, 'en']], 0]);
      await page.click('button', '^Stop reading$');
      await page.see('button', '^Read aloud$');
      t.equal((await heard(page))[1], 1, 'the voice is told to stop');
      await page.click('button', '^Read aloud$');
      await page.see('button', '^Stop reading$');
      await page.evaluate(() => globalThis.finish());
      await page.see('button', '^Read aloud$');
      t.equal(await heard(page), [[[text, 'en'], [text, 'en']], 1]);
      t.ok(!(await page.shows('[part~=problem]')), 'no complaint');
      // What is taken away is not read any longer.
      await page.click('button', '^Read aloud$');
      await page.see('button', '^Stop reading$');
      await page.click('button', '^Clear$');
      await page.until(() => globalThis.cancelled === 2, undefined, { what: 'silence' });
      t.equal(page.complaints, []);
    },
  },

  'one answer at a time, an alt text as it stands there': {
    seconds: 90,
    run: async (t) => {
      const page = await withAnswer(t, 'en', '^Alt text$');
      const [{ plain }] = await page.evaluate(() => document.querySelector('galago-image-assistant').conversation.map((turn) => turn.alt));
      await page.click('textarea#question');
      await page.type('How many shapes are there?');
      await page.press('Enter');
      const { answer } = await answered(page, 2);
      await page.click('button', '^Read aloud$');
      // From here on the first button that says so is the second answer's.
      await page.see('button', '^Stop reading$');
      await page.click('button', '^Read aloud$');
      await page.until(() => globalThis.spoken.length === 2, undefined, { what: 'the second text' });
      t.equal(await heard(page), [[[plain, 'en'], [answer, 'en']], 1], 'the first ends where the second begins');
      await page.until(() => [...document.querySelector('galago-image-assistant').shadowRoot.querySelectorAll('button')].map((b) => b.textContent.trim()).filter((name) => /^(Read aloud|Stop reading)$/.test(name)).join() === 'Read aloud,Stop reading', undefined, { what: 'the buttons of both answers' });
    },
  },

  'in the language of the answer: the demo model speaks English on a German page': {
    seconds: 90,
    run: async (t) => {
      const page = await withAnswer(t, 'de', '^Beschreiben$');
      await page.click('button', '^Vorlesen$');
      await page.see('button', '^Nicht mehr vorlesen$');
      t.equal((await heard(page))[0], [[words(sample(1)), 'en']]);
      t.equal(await page.evaluate(() => document.querySelector('galago-image-assistant').shadowRoot.querySelector('[part~=answer-text]').lang), 'en', 'and is marked as English for screen readers');
      await page.click('button', '^Leeren$');
      // Another model is asked in the page's language.
      await show(page, t.env.url, 'models');
      await page.files('#models-files', ['demo.gguf', 'mmproj-demo.gguf'].map((name) => path.join(t.env.root, 'models/demo', name)));
      await page.click('.plan button.primary');
      await page.until(() => document.querySelector('.current').dataset.state === 'ready', undefined, { what: 'the model ready' });
      await page.evaluate(() => void (location.hash = '#ask'));
      await voice(page);
      await addSample(page);
      await page.click('button', '^Beschreiben$');
      const { question, state } = await answered(page);
      t.equal([question, state], ['Beschreibe dieses Bild.', 'done']);
      await page.click('button', '^Vorlesen$');
      await page.until(() => globalThis.spoken.length === 1, undefined, { what: 'the voice' });
      t.equal((await heard(page))[0][0][1], 'de');
    },
  },

  'a voice that never begins is told of': {
    seconds: 60,
    run: async (t) => {
      const page = await withAnswer(t, 'en', '^Describe$');
      await voice(page, true);
      await page.click('button', '^Read aloud$');
      await page.see('[part~=problem]', 'no voice');
      await page.see('button', '^Read aloud$');
      t.equal((await heard(page))[1], 1);
    },
  },
};
