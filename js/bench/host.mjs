// Runs a measurement's module in a page of a browser and hands back its result: the servers, the browser, the waiting.
import { startServers } from '../test/browser/harness/server.mjs';
import { openPage, treeBytes } from './browser.mjs';

// options: { host, device, mode ('plain' | 'isolated'), job, page (what the job gets), mounts, seconds, onStage }.
// Resolves with { result, version, memory: { empty, peak } }: bytes of the browser's whole process tree before the job began
// to load, and at its largest. job may say the stage 'empty page' and is then waited for no longer than 3 s.
export async function measureInPage({ host, device, mode = 'plain', job, page, mounts, seconds = 3600, onStage = () => {} }) {
  let settle;
  const done = new Promise((resolve, reject) => (settle = { resolve, reject }));
  const memory = { empty: NaN, peak: 0 };
  let browser = null;
  const servers = await startServers((m) => {
    if (m.type === 'result') settle.resolve(m.result);
    else if (m.type === 'error') settle.reject(Object.assign(new Error(m.message), { code: m.code, pageStack: m.stack }));
    else {
      if (m.stage === 'empty page' && browser) memory.empty = treeBytes(browser.pid);
      onStage(m.stage, m.fraction);
    }
  }, mounts);
  const query = new URLSearchParams({ run: '1', job, options: JSON.stringify(page) });
  let watch, late;
  try {
    browser = await openPage(host, `${servers.origins[mode]}/js/bench/page.html?${query}`, device);
    watch = setInterval(() => (memory.peak = Math.max(memory.peak, treeBytes(browser.pid))), 500);
    late = setTimeout(() => settle.reject(new Error(`the page gave no result within ${seconds} s`)), seconds * 1000);
    const result = await Promise.race([done, browser.ended]);
    return { result, version: browser.version, memory };
  } finally {
    clearInterval(watch);
    clearTimeout(late);
    await browser?.close();
    await servers.close();
  }
}
