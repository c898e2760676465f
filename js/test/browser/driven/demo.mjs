// The demo page as people use it, in Chromium with real keys and files. `make demo` serves the same page by the same program.
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { root } from '../harness/server.mjs';
import { stop } from '../harness/process.mjs';

let server, address;
const sample = (n) => path.join(root, `models/demo/samples/shapes-${n}.png`);

export async function before(t) {
  server = spawn(process.execPath, [path.join(root, 'js/demo/serve.mjs')], { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  address = await new Promise((resolve, reject) => {
    server.stdout.once('data', (line) => resolve(String(line).trim()));
    server.once('exit', (code) => reject(new Error(`serve.mjs ended with ${code}`)));
  });
  t.match(address, /^http:\/\/localhost:\d+\/$/);
}
export async function after() {
  await stop(server);
}

// A page that has loaded the model. What the browser complains of, its policy above all, fails the test that sees it.
async function open(t, { width = 1280, height = 800, query = '', device = t.env.device } = {}) {
  const page = await t.env.context.newPage();
  page.complaints = [];
  page.on('console', (m) => m.type() === 'error' && page.complaints.push(m.text()));
  page.on('pageerror', (e) => page.complaints.push(String(e)));
  await page.setViewportSize({ width, height });
  await page.goto(address + query);
  if (device !== 'auto') await page.selectOption('#device', device);
  return page;
}
const ready = (page) => page.waitForFunction(() => /^Ready on/.test(document.getElementById('status').textContent), null, { timeout: 60000 });
const finished = (page) => page.waitForFunction(() => document.getElementById('finished').textContent !== '', null, { timeout: 120000 });
const answer = (page) => page.textContent('#answer');
async function close(t, page) {
  t.equal(page.complaints, []);
  await page.close();
}

export const tests = {
  'by keyboard alone': {
    seconds: 200,
    run: async (t) => {
      const page = await open(t);
      await ready(page);
      t.match(await page.textContent('#status'), t.env.device === 'cpu' ? /cpu/i : /gpu/i);
      await page.focus('#file');
      await page.keyboard.press('Tab');
      t.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-label')), 'Sample picture 1');
      await page.keyboard.press('Enter');
      await finished(page);
      t.equal(await answer(page), t.env.expected(['shapes-1.png'], 'Describe this image.').text);
      t.match(await page.textContent('#speed'), /\d+ per s/);
      await page.fill('#prompt', 'How many shapes are there?');
      await page.keyboard.press('Enter');
      await finished(page);
      t.equal(await answer(page), t.env.expected(['shapes-1.png'], 'How many shapes are there?').text);
      await close(t, page);
    },
  },

  'a chosen file, a pasted one, a dropped one': {
    seconds: 200,
    run: async (t) => {
      const page = await open(t);
      await ready(page);
      await page.setInputFiles('#file', sample(2));
      await finished(page);
      t.equal(await answer(page), t.env.expected(['shapes-2.png'], 'Describe this image.').text);
      const bytes = [...(await readFile(sample(3)))];
      for (const type of ['paste', 'drop']) {
        await page.evaluate(([kind, data]) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([new Uint8Array(data)], 'three.png', { type: 'image/png' }));
          document.getElementById('finished').textContent = '';
          dispatchEvent(kind === 'paste' ? new ClipboardEvent('paste', { clipboardData: transfer }) : new DragEvent('drop', { dataTransfer: transfer }));
        }, [type, bytes]);
        await finished(page);
        t.equal(await answer(page), t.env.expected(['shapes-3.png'], 'Describe this image.').text, type);
      }
      await close(t, page);
    },
  },

  'what is no picture is refused in words': {
    seconds: 120,
    run: async (t) => {
      const page = await open(t);
      await ready(page);
      await page.setInputFiles('#file', path.join(root, 'tests/data/images/bad_png_cut.png'));
      await page.waitForSelector('#failure:not([hidden])');
      t.match(await page.textContent('#failure'), /png/i);
      // The page stays usable.
      await page.click('.sample');
      await finished(page);
      t.equal(await page.isVisible('#failure'), false);
      page.complaints = page.complaints.filter((c) => !/bad_png|decode/.test(c));
      await close(t, page);
    },
  },

  'on a phone: nothing is cut off, everything has a name': {
    seconds: 120,
    run: async (t) => {
      const page = await open(t, { width: 360, height: 740 });
      await ready(page);
      await page.click('.sample');
      await finished(page);
      t.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
      const unnamed = await page.evaluate(() => [...document.querySelectorAll('button, input, select, progress')]
        .filter((e) => !(e.getAttribute('aria-label') || e.labels?.[0]?.textContent.trim() || e.textContent.trim())).map((e) => e.outerHTML));
      t.equal(unnamed, []);
      const small = await page.evaluate(() => [...document.querySelectorAll('button, .button, select')].filter((e) => e.offsetParent)
        .map((e) => [e.textContent.trim().slice(0, 20), e.getBoundingClientRect().height]).filter(([, h]) => h < 44));
      t.equal(small, [], 'smaller than a finger');
      await close(t, page);
    },
  },
};
