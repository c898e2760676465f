// What a test does with a page, the same in all browsers. A driver gives the few things that differ: see chromium.mjs.
//
// Seconds are what a machine that does nothing else needs at most; a busy one is waited for `patience` times that.
// Functions given to these calls run inside the page; they see their one argument and the page, nothing of the test.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { patience } from '../../../js/test/browser/harness/runner.mjs';

/** Bytes that go to a page at once. */
const PIECE = 3 << 20;

/** Finds elements in shadow roots too, by a selector; `nth` counts the visible ones. Runs inside the page. */
const finder = `(selector, text, nth = 0) => {
  const found = [];
  const walk = (root) => {
    for (const e of root.querySelectorAll(selector)) found.push(e);
    for (const e of root.querySelectorAll('*')) if (e.shadowRoot) walk(e.shadowRoot);
  };
  walk(document);
  const seen = found.filter((e) => e.checkVisibility() || e.type === 'file');
  const named = (e) => (e.getAttribute('aria-label') || e.textContent || e.value || '').trim();
  return seen.filter((e) => !text || new RegExp(text, 'i').test(named(e)))[nth];
}`;

export class Page {
  constructor(driver) {
    this.driver = driver;
    this.complaints = [];
  }

  /** Runs fn(argument) in the page and gives its result, as JSON carries it. */
  evaluate(fn, argument) {
    return this.driver.evaluate(`(${fn})(${argument === undefined ? '' : JSON.stringify(argument)})`);
  }

  /** Waits until fn(argument) is true in the page. */
  async until(fn, argument, { seconds = 30, what = String(fn) } = {}) {
    const end = Date.now() + seconds * patience * 1000;
    for (;;) {
      let value;
      try {
        value = await this.evaluate(fn, argument);
      } catch (e) {
        value = undefined; // the page is being replaced
        if (Date.now() > end) throw e;
      }
      if (value) return value;
      if (Date.now() > end) throw new Error(`not within ${seconds} s: ${what}`);
      await new Promise((go) => setTimeout(go, 50));
    }
  }

  async goto(url) {
    await this.driver.goto(url);
  }
  /** Runs fn in every document from now on, before the document's own scripts; not in WebKitGTK. */
  first(fn) {
    return this.driver.first(fn);
  }
  reload() {
    return this.driver.reload();
  }
  viewport(width, height) {
    return this.driver.viewport(width, height);
  }
  screenshot(file) {
    return this.driver.screenshot(file);
  }
  press(...keys) {
    return this.driver.press(keys);
  }
  type(text) {
    return this.driver.type(text);
  }
  close() {
    return this.driver.close();
  }

  /** Whether there is such an element to be seen. */
  shows(selector, text) {
    return this.driver.evaluate(`Boolean((${finder})(${JSON.stringify(selector)}, ${JSON.stringify(text ?? '')}))`);
  }
  /** Waits for such an element. */
  async see(selector, text, { seconds = 30 } = {}) {
    const end = Date.now() + seconds * patience * 1000;
    while (!(await this.shows(selector, text).catch(() => false))) {
      if (Date.now() > end) throw new Error(`not seen within ${seconds} s: ${selector}${text ? ` with "${text}"` : ''}`);
      await new Promise((go) => setTimeout(go, 50));
    }
  }
  /** Waits until no such element is to be seen. */
  async gone(selector, text, { seconds = 30 } = {}) {
    const end = Date.now() + seconds * patience * 1000;
    while (await this.shows(selector, text)) {
      if (Date.now() > end) throw new Error(`still there after ${seconds} s: ${selector}${text ? ` with "${text}"` : ''}`);
      await new Promise((go) => setTimeout(go, 50));
    }
  }
  text(selector, text) {
    return this.driver.evaluate(`(${finder})(${JSON.stringify(selector)}, ${JSON.stringify(text ?? '')})?.textContent.trim() ?? null`);
  }

  /** Presses the middle of an element with the browser's own mouse, after making sure that nothing lies over it. */
  async click(selector, text, nth = 0) {
    await this.see(selector, text);
    const look = () => this.driver.evaluate(`(() => {
      const e = (${finder})(${JSON.stringify(selector)}, ${JSON.stringify(text ?? '')}, ${nth});
      if (!e) return { why: 'there is none' };
      e.scrollIntoView({ block: 'center', inline: 'center', behavior: 'instant' });
      const { left, top, width, height } = e.getBoundingClientRect();
      const x = left + width / 2, y = top + height / 2;
      let over = document.elementFromPoint(x, y);
      while (over?.shadowRoot?.elementFromPoint(x, y) && over.shadowRoot.elementFromPoint(x, y) !== over) over = over.shadowRoot.elementFromPoint(x, y);
      const within = (n) => n && (n === e || within(n.parentNode ?? n.host));
      const labelled = over?.closest?.('label')?.control === e || e.contains(over);
      return { x, y, why: within(over) || labelled ? '' : 'covered by ' + over?.outerHTML.slice(0, 120) };
    })()`);
    // What is still moving is waited for, as people do.
    let at = await look();
    for (let i = 0, before; i < 20 && (at.why || before?.x !== at.x || before?.y !== at.y); i++) {
      before = at;
      await new Promise((go) => setTimeout(go, 60));
      at = await look();
    }
    if (at.why) throw new Error(`${selector} ${text ?? ''} cannot be pressed: ${at.why}`);
    await this.driver.press_at(at.x, at.y);
  }

  /** Drops files and folders (paths) on an element, as from the person's desktop. Only Chromium's driver can; elsewhere the page
   * is handed an event with the files (no folders). */
  async drop(selector, paths) {
    await this.see(selector);
    const at = await this.driver.evaluate(`(() => {
      const e = (${finder})(${JSON.stringify(selector)}, '');
      e.scrollIntoView({ block: 'center', behavior: 'instant' });
      const { left, top, width, height } = e.getBoundingClientRect();
      return { x: left + width / 2, y: top + height / 2 };
    })()`);
    if (this.driver.drop) return this.driver.drop(at, paths);
    await this.evaluate(() => void (globalThis.dropping = []));
    for (const file of paths) {
      const bytes = await readFile(file);
      await this.evaluate((name) => void globalThis.dropping.push({ name, parts: [] }), path.basename(file));
      for (let from = 0; from < bytes.length; from += PIECE) {
        await this.evaluate((text) => void globalThis.dropping.at(-1).parts.push(Uint8Array.from(atob(text), (c) => c.charCodeAt(0))), bytes.subarray(from, from + PIECE).toString('base64'));
      }
    }
    await this.evaluate((where) => {
      const transfer = new DataTransfer();
      for (const { name, parts } of globalThis.dropping) transfer.items.add(new File(parts, name));
      for (const type of ['dragenter', 'dragover', 'drop']) document.querySelector(where).dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, composed: true, dataTransfer: transfer }));
      delete globalThis.dropping;
    }, selector);
  }

  /** Chooses files in a file field. */
  files(selector, paths) {
    return this.driver.files(`(${finder})(${JSON.stringify(selector)}, '')`, paths);
  }
}
