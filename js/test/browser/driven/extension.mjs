// js/examples/extension in a Chromium of its own: an extension's page under Manifest V3, whose policy cannot be loosened.
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as chromium from '../harness/chromium.mjs';
import { root } from '../harness/server.mjs';

export const tests = {
  'describes a picture': {
    seconds: 120,
    run: async (t) => {
      const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'galago-extension-')));
      cpSync(path.join(root, 'js/examples/extension'), folder, { recursive: true });
      for (const name of ['index.js', 'worker.js', 'galago.wasm', 'models']) cpSync(path.join(root, 'js/dist', name), path.join(folder, 'galago', name), { recursive: true });
      // What Chromium names an unpacked extension: the hash of its path, in the letters a to p.
      const id = createHash('sha256').update(folder).digest('hex').slice(0, 32).replace(/./g, (d) => String.fromCharCode(97 + parseInt(d, 16)));
      const browser = await chromium.launch({ extension: folder });
      try {
        const page = await browser.context.newPage();
        const complaints = [];
        page.on('console', (m) => m.type() === 'error' && complaints.push(m.text()));
        page.on('pageerror', (e) => complaints.push(String(e)));
        await page.goto(`chrome-extension://${id}/index.html`);
        await page.waitForSelector('input:enabled', { timeout: 100000 });
        await page.setInputFiles('input', path.join(root, 'models/demo/samples/shapes-2.png'));
        const words = t.env.expected(['shapes-2.png'], 'Describe this image.').text;
        await page.waitForFunction((text) => document.getElementById('words').textContent === text, words, { timeout: 100000 })
          .catch(async () => t.fail(`the page says ${JSON.stringify(await page.textContent('#words'))}`));
        t.equal(complaints, []);
      } finally {
        await browser.close();
        rmSync(folder, { recursive: true, force: true });
      }
    },
  },
};
