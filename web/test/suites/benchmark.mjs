// The benchmark view, from the press to what is taken along, with the demo model on the CPU.
import { statSync } from 'node:fs';
import path from 'node:path';
import { addSample } from '../ask.mjs';
import { show, stands } from '../views.mjs';

async function ready(t) {
  const page = await t.env.open();
  await show(page, t.env.url, 'ask');
  await page.evaluate(() => localStorage.setItem('galago.settings', '{"device":"cpu"}'));
  await page.reload();
  await addSample(page); // the model is in use
  await page.evaluate(() => void (location.hash = '#benchmark'));
  await stands(page, 'benchmark');
  await page.evaluate(() => {
    Object.defineProperty(navigator, 'clipboard', { configurable: true, value: { writeText: async (text) => void (globalThis.copied = text) } });
    document.getElementById('benchmark-runs').value = '1';
    globalThis.shares = [];
    const bar = document.querySelector('.view-benchmark progress'), note = () => globalThis.shares.push(bar.value);
    new MutationObserver(note).observe(bar, { attributes: true });
  });
  return page;
}
const columns = (page) => page.evaluate(() => document.querySelectorAll('.m-table thead th').length);
async function measure(page, n) {
  const began = Date.now();
  await page.click('.view-benchmark button', '^measure$');
  await page.see('.view-benchmark button', '^cancel$');
  await page.until((count) => document.querySelectorAll('.m-table thead th').length === count || document.querySelector('.view-benchmark .notice.error')?.checkVisibility(), n, { what: `${n} results`, seconds: 240 });
  return Date.now() - began;
}
async function taken(page, as) {
  await page.evaluate(() => void (globalThis.copied = ''));
  await page.click('.m-take button', as);
  return page.until(() => globalThis.copied, undefined, { what: 'the copy' });
}

export const tests = {
  'to its end, with figures that can be; copied as JSON and Markdown': {
    seconds: 240,
    run: async (t) => {
      const page = await ready(t), wall = await measure(page, 1);
      t.ok(!(await page.shows('.view-benchmark .notice.error')), await page.text('.view-benchmark .notice.error'));
      const r = JSON.parse(await taken(page, 'json'));
      t.note('figures', { wall, load: r.load_ms, image: r.image, prefill: r.prefill, decode: r.decode });
      t.equal([r.model, r.dtype, r.runs, r.device.startsWith('cpu'), r.hidden, r.image.width, r.image.height], ['demo', 'as-is', 1, true, false, 448, 448]);
      t.ok(r.image.vision_ms > 0 && r.image.first_token_ms > r.image.vision_ms, 'the first word comes after the picture was seen');
      // A picture of 448 by 448 is 196 image tokens to the demo model; the question comes with it.
      t.ok(r.image.prompt_tokens > 196 && r.image.prompt_tokens < 400, `${r.image.prompt_tokens} tokens of a picture and a question`);
      // What the figures say that one run took is less than all of it, and more than a small part.
      const run = r.image.first_token_ms + 1e3 * (1024 / r.prefill[1024] + 256 / r.prefill[256] + 127 / r.decode[256]);
      t.ok(run < wall && run > wall / 20, `${run} ms of ${wall} ms`);
      const file = statSync(path.join(t.env.root, 'models/demo/demo.gguf')).size + statSync(path.join(t.env.root, 'models/demo/mmproj-demo.gguf')).size;
      t.ok(r.memory.weights_bytes > 0.8 * file && r.memory.weights_bytes < 4 * file, `${r.memory.weights_bytes} bytes of weights from files of ${file}`);
      t.ok(r.memory.wasm_bytes + r.memory.gpu_bytes >= r.memory.weights_bytes, 'the memory holds the weights');
      t.match(r.logits_hash, /^[0-9a-f]{8,}$/);
      t.ok(Math.abs(Date.parse(r.at) - Date.now()) < 3600e3 && r.browser.length > 3 && r.system.length > 2, `${r.at} ${r.browser} ${r.system}`);
      const shares = await page.evaluate(() => globalThis.shares);
      t.ok(shares.length > 4 && shares.every((s, i) => i === 0 || s >= shares[i - 1]) && shares.at(-1) <= 1, `the bar grows: ${shares.map((s) => s.toFixed(2))}`);
      await page.until(() => /ready/.test(document.getElementById('chip').textContent), undefined, { what: 'the model in use again' });

      // The same numbers once more: the same work gives the same last logits.
      await measure(page, 2);
      const both = JSON.parse(await taken(page, 'json'));
      t.equal(both.map((b) => b.logits_hash), [r.logits_hash, r.logits_hash]);
      const lines = (await taken(page, 'markdown')).trim().split('\n').filter((line) => line.startsWith('|'));
      t.ok(lines.length > 10 && lines.every((line) => line.split('|').length === 5), 'a table of two columns');
      const row = (name) => lines.find((line) => line.includes(name))?.split('|')[2].trim();
      t.equal(row('Hash of the last logits'), `\`${r.logits_hash}\``);
      t.equal(row('Writing behind 256 tokens'), await page.evaluate(() => [...document.querySelectorAll('.m-table tr')].find((tr) => tr.textContent.startsWith('Writing behind 256')).cells[1].textContent), 'what is copied is what is shown');
      await page.screenshot(`${t.env.shots}/benchmark-done-${t.env.browser}.png`);
      // Two results are wider than a phone: they scroll, the page does not.
      await page.viewport(360, 780);
      t.equal(await page.evaluate(() => [document.querySelector('.m-table').offsetWidth > innerWidth - 32, document.documentElement.scrollWidth <= innerWidth]), [true, true]);
      await page.click('.m-take button', 'clear');
      await page.gone('.m-take button');
      t.equal(page.complaints, []);
    },
  },

  'cancelled: nothing is shown, and the model is there again': {
    seconds: 120,
    run: async (t) => {
      const page = await ready(t);
      await page.click('.view-benchmark button', '^measure$');
      await page.see('[data-test=benchmark-stage]', 'warm-up', { seconds: 60 });
      const began = Date.now();
      await page.click('.view-benchmark button', '^cancel$');
      await page.see('.view-benchmark button', '^measure$');
      t.note('cancelled after, ms', Date.now() - began);
      t.equal([await columns(page), await page.shows('.view-benchmark .notice.error')], [0, false]);
      await page.until(() => /ready/.test(document.getElementById('chip').textContent), undefined, { what: 'the model in use again' });
    },
  },
};
