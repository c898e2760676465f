// With the few colours that a person has set for everything: what can be operated is seen, and so is where the keyboard is.
import { addSample, answered, open } from '../ask.mjs';
import { sample } from '../native.mjs';
import { show, views } from '../views.mjs';
import { tabOrder, violations } from './access.mjs';

const look = { forced: true };

/** Buttons and fields without an edge, and the chosen one of several that looks like the others. Runs in the page. */
const faint = (page) => page.driver.evaluate(`(() => {
  const out = [], name = (e) => (e.getAttribute('aria-label') || e.textContent.trim() || e.id || e.tagName).replace(/\\s+/g, ' ').slice(0, 50);
  const ground = getComputedStyle(document.documentElement).backgroundColor, clear = /^rgba\\(.*, 0\\)$/;
  const edge = (s, side) => s['border' + side + 'Style'] !== 'none' && parseFloat(s['border' + side + 'Width']) >= 1 && s['border' + side + 'Color'] !== s.backgroundColor || s.backgroundColor !== ground && !clear.test(s.backgroundColor);
  const marks = (s) => [s.color, s.backgroundColor, s.borderTopColor, s.borderBottomColor, s.borderTopWidth, s.borderBottomWidth, s.outlineStyle, s.textDecorationLine, s.fontWeight].join();
  const walk = (root) => {
    for (const e of root.querySelectorAll('button, .button, select, textarea, input:not([type=file], [type=checkbox], [type=radio], [type=range])')) {
      if (!e.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
      // What stands in a frame of its own, such as the field of a question, has that frame's edge.
      const framed = ['Top', 'Bottom'].every((side) => edge(getComputedStyle(e), side)) || (e.matches('textarea, .bare') && e.closest('.card'))
        || getComputedStyle(e).textDecorationLine === 'underline';
      if (!framed) out.push('no edge: ' + name(e));
    }
    for (const e of root.querySelectorAll('[aria-current], [aria-pressed=true], [aria-selected=true]')) {
      const other = [...e.parentElement.parentElement.querySelectorAll(e.tagName)].find((o) => o !== e && o.getAttribute('aria-current') === null && o.getAttribute('aria-pressed') !== 'true' && o.checkVisibility());
      if (e.checkVisibility() && other && marks(getComputedStyle(e)) === marks(getComputedStyle(other))) out.push('looks like the others: ' + name(e));
    }
    for (const e of root.querySelectorAll('progress')) if (e.checkVisibility() && !edge(getComputedStyle(e), 'Top')) out.push('no edge: progress');
    for (const e of root.querySelectorAll('*')) if (e.shadowRoot) walk(e.shadowRoot);
  };
  walk(document);
  return out;
})()`);

async function looksRight(t, page, what) {
  t.ok(await page.evaluate(() => matchMedia('(forced-colors: active)').matches), 'the browser says that colours are forced');
  t.equal(await violations(page), [], what);
  t.equal(await faint(page), [], what);
}

export const tests = Object.fromEntries([
  ...views.map((view) => [`${view}: edges, focus, and what is chosen`, async (t) => {
    for (const dark of [false, true]) {
      const page = await t.env.open({ ...look, dark });
      await show(page, t.env.url, view);
      await looksRight(t, page, dark ? 'dark' : 'light');
      if (!dark) t.equal((await tabOrder(page)).filter((stop) => stop.endsWith('cannot be seen)')), []);
      await page.screenshot(`${t.env.shots}/${view}-forced${dark ? '-dark' : ''}.png`);
      await page.close();
    }
  }]),
  ['a conversation and a list of many', { seconds: 120, run: async (t) => {
    const page = await open(t, look);
    await addSample(page);
    await looksRight(t, page, 'before the question');
    await page.click('button', '^Alt text$');
    await answered(page);
    await looksRight(t, page, 'with an answer');
    await page.screenshot(`${t.env.shots}/answer-forced.png`);
    await show(page, t.env.url, 'batch');
    await page.files('.view-batch input[type=file]:not([webkitdirectory])', [sample(1), sample(2)]);
    await page.click('.view-batch button', '^Start$');
    await page.until(() => /2 of 2 done/.test(document.querySelector('.view-batch').innerText), undefined, { what: 'two answers', seconds: 60 });
    await looksRight(t, page, 'a list');
    await page.screenshot(`${t.env.shots}/batch-forced.png`);
  } }],
]);
