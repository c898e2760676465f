// A browser with little room for what the page keeps, each in the way that it offers.
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { serve } from './serve.mjs';

/**
 * Chromium is told the room by its debugging protocol. Firefox is started with little, and a file takes what is left of it but
 * for `bytes`. WebKitGTK under a driver keeps everything in memory, without a limit: there the package's files are served
 * with one made up, at an address of their own, from the beginning.
 *
 * Gives the browser, the address, close(), and where it can be changed, take(page) for the room to become little and give(page) for room again.
 */
export async function little(t, server, bytes = 5_000_000) {
  const { browser } = t.env, { origin } = new URL(server.url);
  if (browser === 'chromium') {
    const quota = (page, quotaSize) => page.cdp.send('Storage.overrideQuotaForOrigin', { origin, quotaSize });
    let last;
    return { url: server.url, take: (page) => quota((last = page), bytes), give: (page) => quota(page), close: () => last?.cdp.send('Storage.overrideQuotaForOrigin', { origin }).catch(() => {}) };
  }
  if (browser === 'firefox') {
    const own = await t.env.launch({ full: true });
    const take = (page) => page.evaluate(async (left) => {
      const { quota, usage } = await navigator.storage.estimate(), size = Math.max(0, quota - usage - left);
      // (What compresses well would take no room.)
      const noise = Array.from({ length: Math.ceil(size / 65536) }, () => crypto.getRandomValues(new Uint8Array(65536)));
      const file = await (await (await navigator.storage.getDirectory()).getFileHandle('other', { create: true })).createWritable();
      await file.write(new Blob(noise).slice(0, size));
      await file.close();
    }, bytes);
    return { browser: own, url: server.url, take, give: (page) => page.evaluate(async () => (await navigator.storage.getDirectory()).removeEntry('other')), close: () => own.close() };
  }
  const folder = path.join(t.env.root, `build/web-little-${browser}`);
  cpSync(server.root, folder, { recursive: true });
  for (const name of ['index.js', 'worker.js']) {
    const file = path.join(folder, 'galago', name);
    writeFileSync(file, `${limit}(${bytes});\n${readFileSync(file, 'utf8')}`);
  }
  const own = await serve(folder);
  return { url: own.url, close: () => own.close() };
}

/** Runs in the page and in the package's worker: puts no more than so many bytes into caches. */
const limit = `((most) => {
  const put = Cache.prototype.put;
  let kept = 0;
  Cache.prototype.put = async function (request, response) {
    const bytes = (await response.clone().arrayBuffer()).byteLength;
    if (kept + bytes > most) throw new DOMException('The quota has been exceeded.', 'QuotaExceededError');
    kept += bytes;
    return put.call(this, request, response);
  };
})`;
