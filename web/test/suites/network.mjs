// What goes out: nothing beyond the page's own place, and the page's own record says the same as the server and the browser.
import { addSample, answered, open } from '../ask.mjs';
import { show } from '../views.mjs';

/** The record, as the privacy view shows it. */
const record = async (page) => {
  await page.evaluate(() => void (location.hash = '#privacy'));
  await page.see('.view-privacy tbody tr');
  return page.evaluate(() => ({
    hosts: [...document.querySelectorAll('.view-privacy tbody tr:has(th[scope=row])')].map((r) => [...r.children].map((c) => c.firstChild?.textContent ?? '')),
    rows: [...document.querySelectorAll('.view-privacy details tbody tr')].map((r) => [...r.children].map((c) => c.textContent)),
  }));
};

export const tests = {
  'loading and describing a picture asks nobody else': {
    seconds: 150,
    run: async (t) => {
      const outside = [];
      if (t.env.browser === 'chromium') t.env.instance.context.on('request', (r) => /^https?:/.test(r.url()) && !r.url().startsWith(t.env.url) && outside.push(r.url()));
      const page = await open(t);
      await page.until(() => navigator.serviceWorker?.controller !== null, undefined, { what: 'the service worker' });
      await addSample(page);
      await page.click('button', '^Describe$');
      t.equal((await answered(page)).state, 'done');
      const { hosts, rows } = await record(page);
      t.equal(hosts.map((h) => h[0]), [new URL(t.env.url).host]);
      t.ok(rows.some((r) => /galago\.wasm|galago-relaxed\.wasm|demo\.gguf|main\.js/.test(r[1])), `the record holds what was fetched: ${JSON.stringify(rows)}`);
      t.equal(outside, [], 'requests that the browser saw');
      t.equal(page.complaints, []);
    },
  },

  'an answer alone asks nobody at all': {
    seconds: 150,
    run: async (t) => {
      const page = await open(t);
      await page.until(() => navigator.serviceWorker?.controller !== null, undefined, { what: 'the service worker' });
      await addSample(page);
      await page.click('button', '^Describe$');
      await answered(page);
      const before = (await record(page)).rows.length;
      await page.evaluate(() => void (location.hash = '#ask'));
      await page.click('button', 'answer again');
      t.equal((await answered(page)).state, 'done');
      t.equal((await record(page)).rows.filter((r) => !/view|chunk|\.js$/.test(r[1])).length - before <= 0, true, 'requests while answering');
    },
  },

  'the policy refuses what a script would send elsewhere': {
    seconds: 60,
    run: async (t) => {
      const page = await t.env.open();
      await show(page, t.env.url, 'privacy');
      const tried = await page.evaluate(async (elsewhere) => {
        const seen = [];
        document.addEventListener('securitypolicyviolation', (e) => seen.push(e.effectiveDirective));
        const refused = async (work) => { try { await work(); return false; } catch { return true; } };
        const out = [await refused(() => fetch(elsewhere)), await refused(() => new Promise((done, failed) => { const i = new Image(); i.onload = done; i.onerror = failed; i.src = `${elsewhere}/x.png`; })),
          await refused(() => import(/* @vite-ignore */ `${elsewhere}/x.js`)), await refused(async () => Function('return 1')())];
        try { navigator.sendBeacon(elsewhere, 'x'); } catch { out.push(true); }
        await new Promise((go) => setTimeout(go, 300));
        return { out, seen: [...new Set(seen)].sort() };
      }, t.env.hub.url);
      t.ok(tried.out.every(Boolean), JSON.stringify(tried));
      t.equal(t.env.hub.log.length, 0, 'requests that arrived elsewhere');
      t.ok(tried.seen.includes('connect-src') && tried.seen.includes('img-src'), tried.seen.join());
    },
  },
};
