// For everybody: axe-core, keyboards, screen readers, small windows, right-to-left, little motion.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { addSample, answered, open } from '../ask.mjs';
import { sample } from '../native.mjs';
import { show, stands, views } from '../views.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** In the names of pictures. */
const mark = (t) => (t.env.browser === 'chromium' ? '' : `-${t.env.browser}`);

/** What axe-core finds in the page as it stands: rule, element and what it says of it. */
export async function violations(page) {
  // (The policy forbids scripts of others, so it goes in the way that a browser's own tools do.)
  await page.driver.evaluate(`void (() => { ${axe} })()`);
  // Colours are looked at when they have come to rest.
  return page.evaluate(async () => {
    await Promise.all(document.getAnimations().filter((a) => a.effect.getComputedTiming().endTime < Infinity).map((a) => a.finished.catch(() => {})));
    return (await axe.run(document, { resultTypes: ['violations'] })).violations
      .flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.target.flat().join(' ')}: ${(n.any[0] ?? n.all[0] ?? n.none[0])?.message ?? v.help}`));
  });
}

/** Elements that stick out of the window. */
const outside = (page) => page.evaluate(() => {
  const wide = document.documentElement.scrollWidth;
  if (wide <= innerWidth) return [];
  return [`${wide} px in ${innerWidth}`, ...[...document.querySelectorAll('main *, header *, footer *')].filter((e) => e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 1)
    .slice(0, 3).map((e) => e.outerHTML.slice(0, 100))];
});

/** Runs in the page: the element that has the focus, also within shadow roots. */
const focused = `(() => { let e = document.activeElement; while (e?.shadowRoot?.activeElement) e = e.shadowRoot.activeElement; return e; })()`;
const nameOf = `((e) => e && e !== document.body ? (e.getAttribute('aria-label') || [...(e.labels ?? [])].map((l) => l.textContent.trim()).join(' ') || e.title || e.textContent.trim() || e.placeholder || e.id || e.tagName).replace(/\\s+/g, ' ').slice(0, 60) : '')`;

/** Names of what Tab goes through, from the page's beginning on, until it comes around. */
export async function tabOrder(page, most = 120) {
  const names = [];
  await page.evaluate(() => { document.activeElement?.blur(); getSelection().removeAllRanges(); scrollTo(0, 0); });
  for (let i = 0; i < most; i++) {
    await page.press('Tab');
    const { name, visible, again } = await page.driver.evaluate(`(() => {
      const e = ${focused}, style = e && getComputedStyle(e), box = e?.getBoundingClientRect();
      const again = e?.dataset ? e.dataset.walked === '1' : false;
      if (e?.dataset) e.dataset.walked = '1';
      return { name: ${nameOf}(e), again, visible: Boolean(e) && (style.outlineStyle !== 'none' && style.outlineWidth !== '0px' || style.boxShadow !== 'none' || e.matches('input[type=file]')) && box.width > 0 };
    })()`);
    if (!name || again) break;
    names.push(visible ? name : `${name} (its focus cannot be seen)`);
  }
  return names;
}

/** What can be operated, in the order in which it stands. */
const operable = (page) => page.driver.evaluate(`(() => {
  const out = [], nameOf = ${nameOf};
  const seen = new Set();
  const walk = (node) => {
    for (const e of node.children) {
      if (!e.checkVisibility({ visibilityProperty: true }) || e.inert) continue;
      if (e.shadowRoot) { walk(e.shadowRoot); continue; }
      const radio = e.matches('input[type=radio]') ? e.name : '';
      // Of radio buttons Tab stops at one: the chosen one, else the first.
      const skipped = radio && (seen.has(radio) || !e.checked && [...(e.form ?? e.getRootNode()).querySelectorAll('input[type=radio]')].some((r) => r.name === radio && r.checked));
      if (e.matches('a[href], button, input, select, textarea, summary, video[controls], audio[controls], [tabindex]') && !e.disabled && e.tabIndex >= 0 && !skipped) {
        if (radio) seen.add(radio);
        out.push(nameOf(e));
      }
      if (!e.matches('select')) walk(e);
    }
  };
  walk(document.body);
  return out;
})()`);

/** A page, light or dark. Only Chromium's driver says what the person likes; elsewhere it is the page's own setting. */
async function dressed(t, width, height, dark, view) {
  const page = await t.env.open({ width, height, dark });
  await show(page, t.env.url, view);
  if (t.env.browser !== 'chromium') {
    await page.evaluate((theme) => localStorage.setItem('galago.settings', JSON.stringify({ theme })), dark ? 'dark' : 'light');
    await page.reload();
    await stands(page, view);
  }
  return page;
}

/** [width, height, dark] */
const looks = [[1280, 800, false], [390, 844, true], [1280, 800, true], [390, 844, false]];

export const launch = { reduced: true };

export const tests = (env) => Object.fromEntries([
  ...views.map((view) => [`axe-core finds nothing in ${view}`, async (t) => {
    for (const [width, height, dark] of env.quick || env.browser !== 'chromium' ? looks.slice(0, 2) : looks) {
      const page = await dressed(t, width, height, dark, view);
      await page.screenshot(`${t.env.shots}/${view}-${dark ? 'dark' : 'light'}-${width}${mark(t)}.png`);
      t.equal(await violations(page), [], `at ${width} px, ${dark ? 'dark' : 'light'}`);
      t.equal(page.complaints, [], 'what the browser complains of');
      await page.close();
    }
  }]),
  ['axe-core finds nothing in a conversation and in a list of many', { seconds: 150, run: async (t) => {
    for (const [width, height, dark] of env.quick ? looks.slice(0, 1) : looks.slice(0, 2)) {
      await (await dressed(t, width, height, dark, 'ask')).close();
      const page = await open(t, { width, height, dark });
      await addSample(page);
      t.equal(await violations(page), [], 'before the question');
      await page.click('button', '^Alt text$');
      await answered(page);
      t.equal(await violations(page), [], 'with an answer');
      await show(page, t.env.url, 'batch');
      await page.files('.view-batch input[type=file]:not([webkitdirectory])', [sample(1), sample(2)]);
      await page.click('.view-batch button', '^Start$');
      await page.until(() => /(\d+) of \1 done/.test(document.querySelector('.view-batch').innerText), undefined, { what: 'two answers', seconds: 60 });
      t.equal(await violations(page), [], 'a list');
      await page.click('.b-table button', 'shapes-1');
      await page.see('dialog textarea');
      t.equal(await violations(page), [], 'one of the list');
      await page.close();
    }
  } }],
  ...views.map((view) => [`${view} fits windows from 360 px on, in both directions`, async (t) => {
    const page = await t.env.open({ width: 360, height: 740 });
    for (const query of ['', '?dir=rtl']) {
      await show(page, t.env.url, view, query);
      if (query) t.equal(await page.evaluate(() => document.documentElement.dir), 'rtl');
      for (const width of [360, 640, 768, 1280]) {
        await page.viewport(width, 740);
        t.equal(await outside(page), [], `at ${width} px ${query}`);
      }
      await page.screenshot(`${t.env.shots}/${view}${query ? '-rtl' : '-wide'}${mark(t)}.png`);
      // Letters twice as large, as some set them for all pages.
      await page.evaluate(() => void (document.documentElement.style.fontSize = '200%'));
      for (const width of [1280, 768]) {
        await page.viewport(width, 740);
        t.equal(await outside(page), [], `large letters at ${width} px ${query}`);
      }
      await page.screenshot(`${t.env.shots}/${view}${query ? '-rtl' : ''}-large${mark(t)}.png`);
    }
  }]),
  ...views.map((view) => [`${view} by keyboard: everything in its order`, async (t) => {
    const page = await t.env.open();
    await show(page, t.env.url, view);
    // (The browser offers to install the page when it likes: what stands there is read last.)
    const is = await tabOrder(page), should = await operable(page);
    t.equal(is, should);
    t.ok(is.length > 8, `${is.length} stops`);
    t.note('stops', is.length);
  }]),
  ['on a phone everything is as large as a finger', { unless: (e) => e.browser !== 'chromium' && 'only Chromium can be told that fingers are used', run: async (t) => {
    const page = await t.env.open({ width: 390, height: 844, touch: true });
    for (const view of views) {
      await show(page, t.env.url, view);
      t.ok(await page.evaluate(() => matchMedia('(pointer: coarse)').matches), 'the browser says that fingers are used');
      const small = await page.driver.evaluate(`(() => {
        const out = [];
        const walk = (root) => {
          for (const e of root.querySelectorAll('button, select, summary, input:not([type=file]), textarea, nav a, .button')) {
            if (!e.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
            // A label that holds its field is pressed as a whole.
            const label = e.labels?.[0];
            const box = (e.matches('input[type=checkbox], input[type=radio]') && label ? label : e).getBoundingClientRect();
            if (box.height < 43.5 || box.width < 43.5 && !e.matches('.inline')) out.push((${nameOf})(e) + ' ' + Math.round(box.width) + ' × ' + Math.round(box.height));
          }
          for (const e of root.querySelectorAll('*')) if (e.shadowRoot) walk(e.shadowRoot);
        };
        walk(document);
        return out;
      })()`);
      t.equal(small, [], view);
    }
  } }],
  ['nothing moves where little motion is wished', { unless: (e) => e.browser === 'webkit' && 'its driver cannot say what the person wishes', run: async (t) => {
    const page = await t.env.open({ reduced: true });
    t.ok(await page.evaluate(() => matchMedia('(prefers-reduced-motion: reduce)').matches), 'the browser says so');
    for (const view of views) {
      await show(page, t.env.url, view);
      t.equal(await page.evaluate(() => document.getAnimations().filter((a) => a.effect.getComputedTiming().duration > 10).map((a) => `${a.animationName ?? a.transitionProperty} ${a.effect.target?.outerHTML.slice(0, 80)}`)), [], view);
    }
  } }],
  ['a view that is shown takes the focus, and the title', async (t) => {
    const page = await t.env.open();
    await show(page, t.env.url, 'ask');
    await page.click('nav a', 'settings');
    await page.until(() => location.hash === '#settings' && document.activeElement?.tagName === 'H1' && document.activeElement.checkVisibility(), undefined, { what: 'the focus on the heading' });
    t.match(await page.evaluate(() => document.title), /^Settings/);
    await page.evaluate(() => history.back());
    await page.until(() => document.title.startsWith('Ask'), undefined, { what: 'the title of the view before' });
  }],
]);
