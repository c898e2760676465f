// Models from the person's own files: a GGUF pair and a folder of safetensors, chosen and dropped. Nothing of it goes to a network.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { addSample, answered } from '../ask.mjs';
import { data, sample, words } from '../native.mjs';
import { show, stands } from '../views.mjs';

const pair = (t) => ['demo.gguf', 'mmproj-demo.gguf'].map((name) => path.join(t.env.root, 'models/demo', name));
/** A whole model of the published layout, with weights drawn at random. */
const folder = (t) => path.join(t.env.root, 'tests/data/golden/tiny-a');
const inside = (t) => readdirSync(folder(t), { withFileTypes: true }).filter((f) => f.isFile()).map((f) => path.join(folder(t), f.name));
/** The fewest tokens that the settings allow. */
const TOKENS = 32;

async function fresh(t) {
  const page = await t.env.open();
  await show(page, t.env.url, 'models');
  await page.evaluate((max_tokens) => {
    localStorage.clear();
    localStorage.setItem('galago.settings', JSON.stringify({ max_tokens }));
  }, TOKENS);
  await page.reload();
  await stands(page, 'models');
  return page;
}
async function opened(page) {
  await page.click('.plan button.primary', '^open$');
  await page.until(() => document.querySelector('.current').dataset.state === 'ready', undefined, { what: 'the model ready', seconds: 60 });
}
/** The model in use says what the native program says with the same files, or one of what it may say. */
async function says(t, page, ...expected) {
  await page.evaluate(() => void (location.hash = '#ask'));
  await addSample(page);
  await page.click('button', '^Describe$');
  const turn = await answered(page);
  t.equal([turn.state, turn.error], ['done', null]);
  // Of noise its beginning.
  const most = expected.length > 1 ? 16 : undefined;
  t.ok(expected.some((e) => e.slice(0, most) === turn.answer.slice(0, most)), `${JSON.stringify(turn.answer)} is none of ${JSON.stringify(expected)}`);
  // Only what is the page's own was asked for.
  t.equal(await page.evaluate(() => performance.getEntriesByType('resource').map((e) => e.name).filter((name) => !name.startsWith(location.origin) && !name.startsWith('blob:'))), []);
}
const shapes = (t) => words(sample(1), undefined, { tokens: TOKENS });
/** Words of drawn weights are as good as equally likely: instruction sets that round otherwise say others. */
const noise = (t) => [null, 'ref'].map((isa) => words(sample(1), undefined, { tokens: TOKENS, model: folder(t), dtype: 'q4_0', isa }));

export const tests = {
  'a GGUF pair, chosen': {
    seconds: 90,
    run: async (t) => {
      const page = await fresh(t);
      await page.files('#models-files', pair(t));
      await opened(page);
      await says(t, page, shapes(t));
    },
  },

  'a GGUF pair, dropped': {
    seconds: 120,
    run: async (t) => {
      const page = await fresh(t);
      await page.drop('.dropzone', pair(t));
      await page.see('.plan h3', '^demo$');
      await opened(page);
      await says(t, page, shapes(t));
      t.equal(page.complaints, []);
    },
  },

  'a folder of safetensors, chosen': {
    seconds: 90,
    run: async (t) => {
      const page = await fresh(t), whole = t.env.browser === 'chromium';
      // Only Chromium's driver chooses folders; elsewhere it is the files in it.
      await page.files(whole ? '#models-folder' : '#models-files', whole ? [folder(t)] : inside(t));
      if (whole) await page.see('.plan h3', '^tiny-a$');
      await opened(page);
      await says(t, page, ...noise(t));
      t.equal(page.complaints, []);
    },
  },

  'a folder of safetensors, dropped': {
    seconds: 90,
    run: async (t) => {
      const page = await fresh(t), whole = t.env.browser === 'chromium';
      await page.drop('.dropzone', whole ? [folder(t)] : inside(t));
      if (whole) await page.see('.plan h3', '^tiny-a$');
      await opened(page);
      await says(t, page, ...noise(t));
    },
  },

  'what is no whole model is told in words': {
    seconds: 60,
    run: async (t) => {
      const page = await fresh(t);
      await page.files('#models-files', [sample(1)]);
      await page.see('.wrong', 'not a whole model');
      await page.drop('.dropzone', [data('bad_text.txt')]);
      await page.see('.wrong', 'not a whole model');
      // The weights alone, without what says how they belong together.
      await page.drop('.dropzone', inside(t).filter((f) => f.endsWith('.safetensors')));
      await page.see('.plan .notice.error', 'not a whole model');
      t.match(await page.text('.plan .notice.error details'), /config\.json/, 'what is missing is named');
      t.ok(!(await page.shows('.plan button.primary')), 'it cannot be opened');
      // Half of a pair can be opened, and it is said what it lacks.
      await page.files('#models-files', pair(t).slice(0, 1));
      await page.see('.plan .notice.warn', 'will not see pictures');
      // Files that only have the name of a model.
      await page.evaluate(() => {
        const transfer = new DataTransfer();
        for (const name of ['a.gguf', 'mmproj-a.gguf']) transfer.items.add(new File(['no model, whatever its name says'], name));
        document.querySelector('.dropzone').dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: transfer }));
      });
      await page.until(() => /a/.test(document.querySelector('.plan h3')?.textContent) || document.querySelector('.plan .notice.error'), undefined, { what: 'the plan' });
      if (await page.shows('.plan button.primary')) await page.click('.plan button.primary');
      await page.see('.plan .notice.error, .current .notice.error');
      t.note('said of damaged files', await page.text('.plan .notice.error, .current .notice.error'));
      t.match(await page.text('.plan .notice.error, .current .notice.error'), /damaged|not a whole model/);
    },
  },
};
