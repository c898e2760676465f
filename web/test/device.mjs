// The page on a GPU of its own: describes a sample with the demo model, lets the CPU say the same, and runs the benchmark view.
//
//   CHROMIUM=/path/to/chrome CHROMIUM_FLAGS="…" node web/test/device.mjs [--page web/dist] [--out FOLDER] [--models demo,synthetic] [--runs 1] [--device gpu] [--software]
//
// Prints the figures as JSON, leaves pictures of the page in FOLDER (build/web-device), and ends with status 1 where the GPU did not
// answer, or something else than the CPU altogether (single words may differ: the numbers are rounded elsewhere). Needs no network, and of npm's packages playwright-core alone (js/test/browser/node_modules).
// For a try without a GPU: --device cpu takes the CPU both times, --software takes SwiftShader, which needs minutes.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { addSample, answered } from './ask.mjs';
import { root, serve } from './serve.mjs';
import { show, stands } from './views.mjs';

const { values: options } = parseArgs({
  options: {
    page: { type: 'string', default: path.join(root, 'web/dist') }, out: { type: 'string', default: path.join(root, 'build/web-device') },
    models: { type: 'string', default: 'demo,synthetic' }, runs: { type: 'string', default: '1' }, device: { type: 'string', default: 'gpu' }, software: { type: 'boolean', default: false },
  },
});
const gpu = ['--enable-unsafe-webgpu', '--ignore-gpu-blocklist', '--enable-features=Vulkan', ...(options.software ? ['--use-webgpu-adapter=swiftshader'] : [])];
process.env.CHROMIUM_FLAGS ??= ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--no-first-run', ...gpu].join(' ');
const { launch } = await import('./drive/chromium.mjs');

mkdirSync(options.out, { recursive: true });
const began = Date.now(), out = { problems: [], complaints: [] }, waits = options.software ? 900 : 60;
const server = await serve(options.page), chromium = await launch();
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => void Promise.all([chromium.close(), server.close()]).then(() => process.exit(1)));
out.browser = chromium.version;
const picture = (page, name) => page.screenshot(path.join(options.out, `${name}.png`));

/** One description of the first sample on a device: the answer and the figures that the page shows. */
async function describe(page, device) {
  await show(page, server.url, 'ask');
  await page.evaluate((to) => localStorage.setItem('galago.settings', JSON.stringify({ device: to, figures: true })), device);
  await page.reload();
  const start = Date.now();
  await addSample(page, 0, waits);
  const loaded = Date.now() - start;
  await page.click('button', '^Describe$');
  const { state, error } = await answered(page, 1, waits);
  // Again, with all that is compiled at the first use.
  await page.click('button', 'answer again|try again');
  await answered(page, 1, waits);
  await picture(page, `ask-${device}`);
  return page.evaluate(([ms, ...said]) => {
    const turn = document.querySelector('galago-image-assistant').conversation[0];
    return { state: said[0], error: said[1], answer: turn.answer.trim(), figures: { ...turn.figures, token_ids: undefined, text: undefined }, model: document.getElementById('chip').textContent, load_ms: ms };
  }, [loaded, state, error]);
}

/** One column of the benchmark view, as the person copies it. */
async function benchmark(page, model) {
  await show(page, server.url, 'benchmark');
  await page.evaluate((device) => localStorage.setItem('galago.settings', JSON.stringify({ device })), options.device);
  await page.reload();
  await stands(page, 'benchmark');
  await page.evaluate(([which, runs]) => {
    Object.defineProperty(navigator, 'clipboard', { configurable: true, value: { writeText: async (text) => void (globalThis.copied = text) } });
    document.getElementById('benchmark-model').value = which;
    document.getElementById('benchmark-runs').value = runs;
  }, [model, options.runs]);
  await page.click('.view-benchmark button', '^measure$');
  await page.until(() => document.querySelector('.m-take')?.checkVisibility() || document.querySelector('.view-benchmark .notice.error')?.checkVisibility(), undefined, { what: `the figures of ${model}`, seconds: waits });
  await picture(page, `benchmark-${model}`);
  if (!(await page.shows('.m-take button', 'json'))) throw new Error(await page.text('.view-benchmark .notice.error'));
  await page.click('.m-take button', 'json');
  return JSON.parse(await page.until(() => globalThis.copied, undefined, { what: 'the copy' }));
}

/** What one page does; one that hangs keeps nothing from the next. */
const attempt = async (name, work) => {
  const page = await chromium.open({ width: 1200, height: 860 });
  page.tab.setDefaultTimeout(waits * 1000);
  try {
    return await work(page);
  } catch (error) {
    out.problems.push(`${name}: ${error.message}`);
    return null;
  } finally {
    out.complaints.push(...page.complaints);
    await page.close().catch(() => {});
  }
};
out.adapter = await attempt('WebGPU', async (page) => (await page.goto(server.url), page.evaluate(async () => {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' }), info = adapter?.info;
  return adapter ? { vendor: info.vendor, architecture: info.architecture, device: info.device, description: info.description, features: [...adapter.features].sort() } : null;
})));
if (out.adapter || options.device === 'cpu') {
  out.gpu = await attempt('the GPU', (page) => describe(page, options.device));
  out.benchmark = {};
  for (const model of options.models.split(',')) out.benchmark[model] = await attempt(`benchmark ${model}`, (page) => benchmark(page, model));
} else out.problems.push('this browser has no WebGPU adapter');
out.cpu = await attempt('the CPU', (page) => describe(page, 'cpu'));
if (out.gpu && out.cpu) {
  const [a, b] = [out.gpu.answer, out.cpu.answer].map((answer) => answer.split(/\W+/).filter(Boolean));
  out.same_words = a.filter((word, i) => word === b[i]).length / Math.max(a.length, b.length);
  if (!(out.same_words > 0.5)) out.problems.push('the GPU and the CPU say different things');
}
out.seconds = (Date.now() - began) / 1000;
console.log(JSON.stringify(out, null, 2));
await chromium.close();
await server.close();
process.exit(out.problems.length ? 1 : 0);
