// Takes the picture of the demo page for the documentation: node js/test/browser/picture.mjs [--width N] [--dark] [--out FILE]
import { spawn } from 'node:child_process';
import path from 'node:path';
import { parseArgs } from 'node:util';
import * as chromium from './harness/chromium.mjs';
import { stop } from './harness/process.mjs';
import { root } from './harness/server.mjs';

const { values: options } = parseArgs({
  options: { width: { type: 'string', default: '1200' }, dark: { type: 'boolean', default: false }, out: { type: 'string', default: path.join(root, 'docs/pictures/demo-page.png') } },
});
const server = spawn(process.execPath, [path.join(root, 'js/demo/serve.mjs')], { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
const address = await new Promise((resolve) => server.stdout.once('data', (line) => resolve(String(line).trim())));
const browser = await chromium.launch();
try {
  const page = await browser.context.newPage();
  await page.emulateMedia({ colorScheme: options.dark ? 'dark' : 'light' });
  await page.setViewportSize({ width: Number(options.width), height: 740 });
  await page.goto(address);
  await page.waitForFunction(() => /^Ready on/.test(document.getElementById('status').textContent), null, { timeout: 60000 });
  await page.click('.sample');
  await page.waitForFunction(() => document.getElementById('finished').textContent !== '', null, { timeout: 60000 });
  await page.mouse.move(0, 0);
  await page.evaluate(() => document.activeElement.blur());
  await page.screenshot({ path: options.out, fullPage: true });
} finally {
  await browser.close();
  await stop(server);
}
