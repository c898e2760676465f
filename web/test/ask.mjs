// What people do in the view in which they ask.
import { show } from './views.mjs';

/** Turns as the element tells them. */
export const turns = (page) => page.evaluate(() => document.querySelector('galago-image-assistant').conversation.map((t) => ({
  kind: t.kind, question: t.question, answer: t.answer.trim(), state: t.state, error: t.error?.message ?? null, pictures: t.pictures.map((p) => p.name), figures: Boolean(t.figures), alt: t.alt,
})));
/** Names of the pictures for the next question. */
export const pictures = (page) => page.evaluate(() => document.querySelector('galago-image-assistant')?.pictures.map((p) => p.name) ?? []);

export async function open(t, options) {
  const page = await t.env.open(options);
  await show(page, t.env.url, 'ask');
  await page.see('button', 'choose pictures');
  return page;
}

/** Waits until nothing is being answered any more, and gives the latest turn. */
export async function answered(page, count = 1, seconds = 90) {
  await page.until((n) => {
    const element = document.querySelector('galago-image-assistant');
    return !element.busy && element.conversation.length >= n && element.conversation.every((t) => !['waiting', 'answering'].includes(t.state));
  }, count, { seconds, what: `answer ${count}` });
  return (await turns(page)).at(-1);
}

/** Waits for so many pictures for the next question, and for the model, which begins to load with the first. */
export async function waiting(page, n, seconds = 60) {
  await page.until((count) => document.querySelector('galago-image-assistant').pictures.length === count, n, { what: `${n} pictures` });
  await page.until(() => /ready|failed/.test(document.getElementById('chip').dataset.state), undefined, { what: 'the model', seconds });
}

export async function addSample(page, n = 0, seconds = 60) {
  await page.click('[part~=sample]', '', n);
  await waiting(page, 1, seconds);
}

export async function question(page, text) {
  await page.click('textarea#question');
  await page.type(text);
  await page.press('Enter');
}

/** What the element's live region said, in order; begins to listen. */
export const listen = (page) => page.evaluate(() => {
  globalThis.said = [];
  const voice = document.querySelector('galago-image-assistant').shadowRoot.querySelector('[role=status]');
  new MutationObserver(() => voice.textContent && globalThis.said.push(voice.textContent)).observe(voice, { childList: true, characterData: true, subtree: true });
  const live = document.getElementById('live-polite');
  new MutationObserver(() => live.textContent && globalThis.said.push(live.textContent)).observe(live, { childList: true, characterData: true, subtree: true });
});
export const said = (page) => page.evaluate(() => globalThis.said);

/** Catches what the page saves, as the files' names and texts; begins to listen. */
export const catchFiles = (page) => page.evaluate(() => {
  globalThis.files = [];
  const make = URL.createObjectURL;
  const blobs = new Map();
  URL.createObjectURL = (blob) => {
    const url = make.call(URL, blob);
    blobs.set(url, blob);
    return url;
  };
  // What a click on a link with `download` does is the browser's; that it is clicked is the page's.
  HTMLAnchorElement.prototype.click = function () {
    const blob = this.download && blobs.get(this.href);
    if (blob) void blob.arrayBuffer().then((bytes) => globalThis.files.push({ name: this.download, type: blob.type, text: new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes) }));
    else HTMLElement.prototype.click.call(this);
  };
});
export const caught = (page, n) => page.until((count) => globalThis.files.length >= count && globalThis.files, n, { what: `${n} saved files` });
