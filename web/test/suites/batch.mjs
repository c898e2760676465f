// Many pictures: the table fills, pauses, comes back after a reload, and goes out as files.
import { mkdirSync, copyFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { catchFiles, caught } from '../ask.mjs';
import { data, sample, words } from '../native.mjs';
import { show, stands } from '../views.mjs';

const pool = (t) => path.join(t.env.root, `build/web-batch-${t.env.browser}`);

async function fresh(t) {
  const page = await t.env.open();
  await show(page, t.env.url, 'batch');
  await page.evaluate(async () => {
    sessionStorage.clear();
    for (const { name } of (await indexedDB.databases?.()) ?? []) if (name.startsWith('galago-batch')) indexedDB.deleteDatabase(name);
  });
  await page.reload();
  await stands(page, 'batch');
  return page;
}
/** So many pictures in files of their own: the three samples again and again. */
function many(t, n) {
  mkdirSync(pool(t), { recursive: true });
  return Array.from({ length: n }, (_, i) => {
    const to = path.join(pool(t), `picture-${String(i + 1).padStart(2, '0')}.png`);
    copyFileSync(sample((i % 3) + 1), to);
    return to;
  });
}
const add = (page, files) => page.files('.view-batch input[type=file]:not([webkitdirectory])', files);
const counts = (page) => page.evaluate(() => Object.fromEntries(['all', 'waiting', 'done', 'failed'].map((k) => [k, Number(([...document.querySelectorAll('.view-batch button')].find((b) => new RegExp(`^${k} \\d+$`, 'i').test(b.textContent.trim()))?.textContent.match(/\d+/) ?? [0])[0])])));
const done = (page, n, seconds = 120) => page.until((wanted) => {
  const text = document.querySelector('.view-batch').innerText.match(/(\d+) of (\d+) done/);
  return text && Number(text[1]) >= wanted;
}, n, { what: `${n} pictures done`, seconds });

async function saved(page) {
  await page.click('.view-batch button', 'save as csv');
  await caught(page, 1);
  await page.click('.view-batch button', 'save as jsonl');
  const [csv, jsonl] = await caught(page, 2);
  return { csv, jsonl, rows: jsonl.text.trim().split('\n').map((line) => JSON.parse(line)) };
}

export const tests = {
  'a table that fills, and goes out as files': {
    seconds: 200,
    run: async (t) => {
      const page = await fresh(t);
      await catchFiles(page);
      await add(page, [...many(t, 3), data('bad_text.txt')]);
      await page.see('.toast', 'left out.*bad_text');
      await page.click('.view-batch button', '^Start$');
      await done(page, 3);
      t.equal(await counts(page), { all: 3, waiting: 0, done: 3, failed: 0 });
      await page.screenshot(`${t.env.shots}/batch-done-${t.env.browser}.png`);
      const { csv, rows } = await saved(page);
      const expected = [1, 2, 3].map((n) => words(sample(n)));
      t.equal(rows.map((r) => (r.text ?? r.answer).trim()), expected);
      t.ok(csv.text.charCodeAt(0) === 0xfeff && csv.type.startsWith('text/csv'), 'a byte order mark for spreadsheets');
      t.equal(csv.text.trim().split(/\r\n/).length, 4, 'a line for each, and the head');
      t.ok(expected.every((e) => csv.text.includes(e.replaceAll('"', '""'))), 'each answer');
      t.equal(page.complaints, []);
    },
  },

  'paused, reloaded in the middle, finished': {
    seconds: 250,
    run: async (t) => {
      const page = await fresh(t);
      await add(page, many(t, 8));
      await page.click('.view-batch button', '^Start$');
      await done(page, 2);
      await page.click('.view-batch button', '^Pause$');
      await page.see('.view-batch button', '^Resume$');
      const before = await counts(page);
      t.ok(before.done >= 2 && before.all === 8, JSON.stringify(before));
      await new Promise((go) => setTimeout(go, 700));
      await page.reload();
      await page.see('.view-batch .notice', 'your list is back');
      const after = await counts(page);
      t.equal([after.all, after.done], [8, before.done]);
      await page.click('.view-batch .notice button', 'go on');
      await done(page, 8, 200);
      await catchFiles(page);
      const { rows } = await saved(page);
      t.equal(rows.map((r) => (r.text ?? r.answer).trim()), Array.from({ length: 8 }, (_, i) => words(sample((i % 3) + 1))));
    },
  },

  'reloaded while it runs': {
    seconds: 200,
    run: async (t) => {
      const page = await fresh(t);
      await add(page, many(t, 6));
      await page.click('.view-batch button', '^Start$');
      await done(page, 1);
      await page.reload();
      await page.see('.view-batch .notice', 'your list is back');
      const { all, done: ready } = await counts(page);
      t.ok(all === 6 && ready >= 1 && ready <= 6, `${ready} of ${all}`);
      if (ready < 6) await page.click('.view-batch .notice button', 'go on');
      await done(page, 6, 150);
    },
  },

  'a damaged picture fails alone, with a reason': {
    seconds: 150,
    run: async (t) => {
      const page = await fresh(t);
      const broken = path.join(pool(t), 'broken.png');
      many(t, 1);
      writeFileSync(broken, 'not a picture');
      await add(page, [broken, ...many(t, 2)]);
      await page.click('.view-batch button', '^Start$');
      await done(page, 2);
      t.equal(await counts(page), { all: 3, waiting: 0, done: 2, failed: 1 });
      await page.see('.b-table .b-answer', 'cannot be read');
      await page.click('.view-batch button', 'clear the list');
      await page.click('dialog button.danger');
      await page.gone('.b-table');
    },
  },

  'an own question, and one answer looked at': {
    seconds: 150,
    run: async (t) => {
      const page = await fresh(t);
      await add(page, many(t, 2));
      await page.click('.view-batch label, .view-batch button', 'own question');
      await page.click('.view-batch textarea');
      await page.type('How many shapes are there?');
      await page.click('.view-batch button', '^Start$');
      await done(page, 2);
      await page.click('.b-table button', 'picture-01');
      await page.until((answer) => document.querySelector('dialog textarea')?.value.trim() === answer, words(sample(1), 'How many shapes are there?'), { what: 'the answer, to be looked at' });
      await page.screenshot(`${t.env.shots}/batch-detail-${t.env.browser}.png`);
      await page.press('Escape');
      await page.gone('dialog');
    },
  },
};
