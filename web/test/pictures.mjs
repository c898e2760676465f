// Makes the pictures of the README: web/test/run.sh --pictures. Each shows the page with real answers of the demo model.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { addSample, answered, question } from './ask.mjs';
import { launch } from './drive/chromium.mjs';
import { sample } from './native.mjs';
import { root, serve } from './serve.mjs';
import { show } from './views.mjs';

const to = path.join(root, 'docs/pictures');
mkdirSync(to, { recursive: true });
const server = await serve(path.join(root, 'build/web-test')), chromium = await launch();

/** A sample described, and then asked something. */
const ask = (n, more, figures = true) => async (page) => {
  await show(page, server.url, 'ask');
  await page.evaluate((shown) => localStorage.setItem('galago.settings', JSON.stringify({ figures: shown })), figures);
  await page.reload();
  await addSample(page, n);
  await page.click('button', '^Describe$');
  await answered(page);
  await question(page, more);
  await answered(page, 2);
  await page.evaluate(() => { document.activeElement?.shadowRoot?.activeElement?.blur(); scrollTo(0, 0); });
};
async function batch(page) {
  const list = [...['receipt', 'emoji', 'chart'].map((name) => path.join(root, `web/samples/${name}.png`)), sample(1)];
  await show(page, server.url, 'batch');
  await page.files('.view-batch input[type=file]:not([webkitdirectory])', list);
  await page.click('.view-batch button', '^Start$');
  await page.until(() => /4 of 4 done/.test(document.querySelector('.view-batch').innerText), undefined, { what: 'four answers', seconds: 120 });
  await page.evaluate(() => { document.activeElement?.blur(); document.querySelector('.b-list').scrollIntoView({ block: 'end' }); });
}

let failed = 0;
for (const [name, options, act] of [
  ['page-ask', { width: 1200, height: 860 }, ask(1, 'What is the total?')],
  ['page-ask-phone', { width: 390, height: 844, dark: true }, ask(2, 'Where is the banana?', false)],
  ['page-batch', { width: 1200, height: 760 }, batch],
  ['page-models', { width: 1200, height: 860 }, (page) => show(page, server.url, 'models')],
]) {
  const page = await chromium.open(options);
  try {
    await act(page);
    await page.tab.mouse.move(0, 0);
    await new Promise((go) => setTimeout(go, 500));
    await page.screenshot(path.join(to, `${name}.png`));
    console.log(`docs/pictures/${name}.png`);
  } catch (error) {
    failed++;
    console.log(`FAILED ${name}: ${error.message}`);
  }
  await page.close();
}
await chromium.close();
await server.close();
console.log(`${4 - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
