// A long list, for what piles up: many pictures one after another, with the page's memory before and after.
import { copyFileSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { sample } from '../native.mjs';
import { show } from '../views.mjs';

export const tests = {
  'two hundred pictures take no more memory than fifty': {
    seconds: 900,
    run: async (t) => {
      const folder = path.join(t.env.root, 'build/web-soak');
      mkdirSync(folder, { recursive: true });
      const files = Array.from({ length: 200 }, (_, i) => {
        const to = path.join(folder, `picture-${i}.png`);
        copyFileSync(sample((i % 3) + 1), to);
        return to;
      });
      const page = await t.env.open();
      await show(page, t.env.url, 'batch');
      await page.files('.view-batch input[type=file]:not([webkitdirectory])', files);
      await page.click('.view-batch button', '^Start$');
      const at = async (n) => {
        await page.until((wanted) => Number(document.querySelector('.view-batch').innerText.match(/(\d+) of \d+ done/)?.[1]) >= wanted, n, { what: `${n} answers`, seconds: 600 });
        await page.cdp.send('HeapProfiler.collectGarbage');
        return page.evaluate(() => performance.memory.usedJSHeapSize);
      };
      const before = await at(50), after = await at(200);
      t.note('bytes of the page after 50 and after 200', [before, after]);
      t.below(after - before, 4e6);
      await page.until(() => document.querySelectorAll('.b-table .b-body > *').length < 60, undefined, { what: 'rows out of sight are not in the page' });
    },
  },
};
