// The model, in a page of the extension's: pages' scripts connect to it, send pictures and get words.
import { pipeline } from './galago/index.js';
import { fetchPicture } from './picture.mjs';

/** Memory is given back after so long without a question. */
const IDLE_MS = 5 * 60 * 1000;

/** `settings` gives what was chosen; `onidle` is called when the model was closed. */
export function serve(settings, onidle) {
  const ports = new Set();
  let opened = null, name = '', waiting = 0, timer;

  function open(model) {
    if (opened && name === model) return opened;
    const before = opened;
    name = model;
    const opening = (async () => {
      await before?.then((vl) => vl.dispose(), () => {});
      const say = (e) => {
        if (e.status === 'progress_total') for (const port of ports) port.postMessage({ loaded: e.loaded, total: e.total });
      };
      return pipeline('image-to-text', model, { device: 'auto', progress_callback: say });
    })();
    opened = opening;
    // The next question tries again: the network may be there by then.
    opening.catch(() => opened === opening && (opened = null));
    return opening;
  }

  async function close() {
    const closing = opened;
    opened = null;
    await closing?.then((vl) => vl.dispose(), () => {});
    onidle();
  }

  async function answer({ url, data, page, prompt, max_new_tokens }, signal) {
    const picture = data ? load(data) : await fetchPicture(url, page, signal);
    if (!picture) return { need: 'picture' };
    const vl = await open((await settings()).model).catch((error) => {
      throw Object.assign(error, { fatal: true });
    });
    const [{ text, finish_reason, timings, device }] = await vl(picture, { prompt, max_new_tokens, signal });
    return { answer: { text, finish_reason, timings, device } };
  }

  chrome.runtime.onConnect.addListener((port) => {
    if (port.name !== 'describe' || port.sender?.id !== chrome.runtime.id) return;
    const left = new AbortController();
    ports.add(port);
    port.onDisconnect.addListener(() => {
      ports.delete(port);
      left.abort();
    });
    port.onMessage.addListener(async ({ id, ...question }) => {
      clearTimeout(timer);
      waiting++;
      // Where the page is, the browser says: the page's script might be mistaken.
      question.page = port.sender.tab?.url ?? port.sender.url ?? question.page;
      const reply = await answer(question, left.signal).catch((error) => ({ error: error.message, fatal: error.fatal === true }));
      if (ports.has(port)) port.postMessage({ id, ...reply });
      if (--waiting === 0) timer = setTimeout(close, IDLE_MS);
    });
  });
}

const load = (data) => {
  const comma = data.indexOf(','), bytes = Uint8Array.from(atob(data.slice(comma + 1)), (c) => c.charCodeAt(0));
  return new Blob([bytes], { type: data.slice(5, comma).split(';')[0] });
};
