// Settings, language and what the page tells about itself.
import { show, stands } from '../views.mjs';

const choose = (page, id, value) => page.evaluate(([name, to]) => {
  const field = document.getElementById(name);
  field.focus();
  if (field.type === 'checkbox') field.checked = to;
  else field.value = to;
  field.dispatchEvent(new Event('input', { bubbles: true }));
  field.dispatchEvent(new Event('change', { bubbles: true }));
}, [id, value]);
const values = (page) => page.evaluate(() => Object.fromEntries([...document.querySelectorAll('.view-settings input, .view-settings select')]
  .map((f) => [f.id.replace('settings-', ''), f.type === 'checkbox' ? f.checked : f.value])));
const colour = (page) => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);

async function fresh(t, options) {
  const page = await t.env.open(options);
  await show(page, t.env.url, 'settings');
  await page.evaluate(() => localStorage.clear());
  await page.reload();
  await stands(page, 'settings');
  return page;
}

export const tests = {
  'are kept between visits, and reset': async (t) => {
    const page = await fresh(t);
    const before = await values(page);
    t.equal(before, { max_tokens: '512', temperature: '0', top_p: '1', think: false, detail: 'auto', device: 'auto', language: '', theme: 'system', figures: false });
    const set = { max_tokens: '128', temperature: '0.7', top_p: '0.9', think: true, detail: 'low', device: 'cpu', theme: 'dark', figures: true };
    for (const [name, value] of Object.entries(set)) await choose(page, `settings-${name}`, value);
    const dark = await colour(page);
    t.equal(dark, 'rgb(22, 24, 27)');
    await page.reload();
    await stands(page, 'settings');
    t.equal(await values(page), { ...before, ...set });
    t.equal(await colour(page), dark, 'the colour of the page');
    await page.click('button', 'reset all');
    await page.click('dialog button', 'cancel');
    t.equal((await values(page)).theme, 'dark', 'after Cancel');
    await page.click('button', 'reset all');
    await page.click('dialog button.primary, dialog button.danger', 'reset');
    await page.until(() => document.getElementById('settings-theme').value === 'system', undefined, { what: 'the settings as at first' });
    t.equal(await values(page), before);
    t.equal(page.complaints, []);
  },

  'of a damaged record the sound ones hold': async (t) => {
    const page = await fresh(t);
    await page.evaluate(() => localStorage.setItem('galago.settings', '{"max_tokens": 1e9, "temperature": "hot", "theme": "dark", "device": 7, "language": "xx"}'));
    await page.reload();
    await stands(page, 'settings');
    const now = await values(page);
    t.equal([now.max_tokens, now.temperature, now.theme, now.device, now.language], ['2048', '0', 'dark', 'auto', '']);
    await page.evaluate(() => localStorage.setItem('galago.settings', '{{{'));
    await page.reload();
    await stands(page, 'settings');
    t.equal((await values(page)).theme, 'system');
    await page.evaluate(() => localStorage.clear());
  },

  'a slider by the keyboard': async (t) => {
    const page = await fresh(t);
    await page.evaluate(() => document.getElementById('settings-temperature').focus());
    await page.press('ArrowRight', 'ArrowRight', 'ArrowRight');
    await page.until(() => /^0\.3$/.test(document.getElementById('settings-temperature-value').textContent), undefined, { what: 'the value 0.3' });
    await page.until(() => JSON.parse(localStorage.getItem('galago.settings')).temperature === 0.3, undefined, { what: 'the value kept' });
  },

  'another language, at once and at the next visit': async (t) => {
    const page = await fresh(t);
    t.equal(await page.evaluate(() => document.documentElement.lang), 'en');
    await choose(page, 'settings-language', 'de');
    await page.until(() => document.documentElement.lang === 'de', undefined, { what: 'lang=de' });
    const seen = async () => page.evaluate(() => [document.title, document.querySelector('.view-settings h1').textContent, document.querySelector('nav [aria-current]').textContent.trim(), document.getElementById('nav').getAttribute('aria-label')]);
    const german = await seen();
    t.match(german.join(), /Einstellungen.*Einstellungen.*Einstellungen/);
    t.ok(await page.evaluate(() => document.activeElement.id === 'settings-language'), 'the field keeps the focus');
    await page.reload();
    await stands(page, 'settings');
    t.equal(await seen(), german);
    // No view has a text left in English.
    for (const view of ['ask', 'batch', 'camera', 'models', 'benchmark', 'privacy']) {
      await show(page, t.env.url, view);
      t.ok(!/\b(the|your|this|with|and|of)\b/i.test(await page.evaluate(() => document.querySelector('main section:not([hidden]) h1').parentElement.innerText.replace(/galago|webgpu/gi, ''))), `English words in ${view}`);
      await page.screenshot(`${t.env.shots}/${view}-de-${t.env.browser}.png`);
    }
    t.equal(page.complaints.filter((c) => /there is no text|has no "/.test(c)), []);
    await show(page, t.env.url, 'settings');
    await choose(page, 'settings-language', 'en');
    await page.until(() => document.documentElement.lang === 'en', undefined, { what: 'lang=en' });
    await page.evaluate(() => localStorage.clear());
  },

  'another tab hears of them': async (t) => {
    const page = await fresh(t), second = await t.env.open();
    await show(second, t.env.url, 'privacy');
    const light = await colour(second);
    await choose(page, 'settings-theme', 'dark');
    await second.until((before) => getComputedStyle(document.documentElement).backgroundColor !== before, light, { what: 'the dark colour in the other tab' });
    await choose(page, 'settings-theme', 'system');
  },

  'everything that is kept can be deleted': {
    seconds: 90,
    run: async (t) => {
      const page = await fresh(t);
      await choose(page, 'settings-theme', 'dark');
      await page.until(() => navigator.serviceWorker.controller !== null, undefined, { what: 'the service worker' });
      await page.evaluate(async () => {
        const { pipeline } = await import('./galago/index.js');
        await (await pipeline('image-to-text', 'demo', { device: 'cpu' })).dispose();
      });
      await show(page, t.env.url, 'privacy');
      await page.click('button', 'delete everything');
      await page.see('dialog');
      await page.click('dialog button.danger', 'delete everything');
      await page.see('.toast', 'everything is deleted');
      t.equal(await page.evaluate(async () => [
        Object.keys(localStorage).filter((k) => k.startsWith('galago')), (await caches.keys()).filter((n) => n.startsWith('galago-page')),
        await (await import('./galago/index.js')).cache.list(), (await navigator.serviceWorker.getRegistrations()).length,
      ]), [[], [], [], 0]);
      await page.reload();
      await page.see('h1');
    },
  },
};
