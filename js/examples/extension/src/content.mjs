// In the page, beside its scripts and out of their reach: finds the pictures by autoAlt's rules and asks the model's page for words.
import { autoAlt } from 'galago/auto-alt';
import { Describer } from './describer.mjs';
import { settings } from './settings.mjs';

let run = null, describer = null, begun = 0;
const state = { running: false, generated: 0, failed: 0, left: 0, looked: false, loading: null, error: '', reasons: [], hosts: [] };
async function tell(first = false) {
  try {
    await chrome.runtime.sendMessage({ to: 'background', type: 'state', state, first });
  } catch {
    // The extension was taken away or renewed while the page stayed: there is nobody to tell.
  }
}

function reset(running) {
  Object.assign(state, { running, generated: 0, failed: 0, left: 0, looked: false, loading: null, error: '', reasons: [], hosts: [] });
}

async function start() {
  if (run) return;
  const mine = ++begun, chosen = await settings();
  if (run || mine !== begun) return; // a second click, or undone before it began
  reset(true);
  tell(true);
  describer = new Describer(chosen, (loading) => {
    state.loading = loading;
    tell();
  });
  // The demo model knows one prompt and one language.
  const ask = chosen.model === 'demo' ? { prompt: 'Describe this image.', language: '' } : { ...(chosen.prompt ? { prompt: chosen.prompt } : {}), ...(chosen.language ? { language: chosen.language } : {}) };
  const { max_length, prefix, replace } = chosen, here = describer;
  run = autoAlt(document, {
    ...ask, max_length, prefix, replace, shadow: true, limit: 500,
    ...(prefix ? { note: '' } : {}), // said once is enough
    describe: (request) => here.describe(request),
    onalt: (result) => {
      state.loading = null;
      if (result.status === 'generated') state.generated++;
      if (result.error) note(result);
      tell();
      if (here.fatal) end(here.fatal);
    },
  });
  run.done.then(({ left_out }) => {
    if (mine !== begun) return;
    state.left = left_out;
    state.looked = true;
    tell();
  });
}

function note({ error, url }) {
  state.failed++;
  if (!state.reasons.includes(error.message) && state.reasons.length < 5) state.reasons.push(error.message);
  // With a permission for this host the extension could read it.
  if (error.cause === 'host' && !state.hosts.includes(new URL(url).hostname)) state.hosts.push(new URL(url).hostname);
}

/** Without a model there is nothing to go on with; what was described stays. */
function end(message) {
  void run?.stop();
  describer.close();
  state.error = message;
  tell();
}

async function undo() {
  begun++;
  const ending = run;
  run = null;
  describer?.close();
  reset(false);
  await ending?.undo();
  tell();
}

/** A permission was given: what could not be read may be readable now. */
async function retry() {
  if (!state.hosts.length) return;
  await undo();
  await start();
}

const does = { start, undo, retry, state: () => {} };
// Asked to start once more, the script that is there goes on.
if (!globalThis.galagoAlt) {
  globalThis.galagoAlt = { start };
  chrome.runtime.onMessage.addListener((message, sender, answer) => {
    if (sender.id !== chrome.runtime.id || !does[message?.type] || message.to !== 'page') return;
    Promise.resolve(does[message.type]()).then(() => answer({ state }), (error) => answer({ state: { ...state, error: error.message } }));
    return true;
  });
}
globalThis.galagoAlt.start().catch((error) => {
  state.error = error.message;
  tell();
});
