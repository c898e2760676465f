// Makes the pictures of the README: web/test/run.sh --pictures. Each shows the page with real answers of the demo model.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { addSample, answered } from './ask.mjs';
import { launch } from './drive/chromium.mjs';
import { sample } from './native.mjs';
import { root, serve } from './serve.mjs';
import { show } from './views.mjs';

const to = path.join(root, 'docs/pictures');
mkdirSync(to, { recursive: true });
const server = await serve(path.join(root, 'build/web-test')), chromium = await launch();

async function ask(page) {
  await show(page, server.url, 'ask');
  await page.evaluate(() => localStorage.setItem('galago.settings', '{"figures":true}'));
  await page.reload();
  await addSample(page);
  await page.click('button', '^Describe$');
  await answered(page);
  await page.evaluate(() => { document.activeElement?.shadowRoot?.activeElement?.blur(); scrollTo(0, 0); });
}
async function batch(page) {
  const list = [1, 2, 3].map(sample);
  await show(page, server.url, 'batch');
  await page.files('.view-batch input[type=file]:not([webkitdirectory])', list);
  await page.click('.view-batch button', '^Start$');
  await page.until(() => /3 of 3 done/.test(document.querySelector('.view-batch').innerText), undefined, { what: 'three answers', seconds: 120 });
  await page.evaluate(() => { document.activeElement?.blur(); document.querySelector('.b-list').scrollIntoView({ block: 'end' }); });
}

let failed = 0;
for (const [name, options, act] of [
  ['page-ask', { width: 1200, height: 860 }, ask],
  ['page-ask-phone', { width: 390, height: 844, dark: true }, ask],
  ['page-batch', { width: 1200, height: 700 }, batch],
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
