// The window of the toolbar button: describe, see how far it is, undo, allow.
import { hosts } from './sites.mjs';
import { pattern, save, settings } from './settings.mjs';
import { look, start, undo } from './tab.mjs';

const $ = (id) => document.getElementById(id);
// In a tab of its own the window is told which page it is about.
const named = Number(new URLSearchParams(location.search).get('tab'));
const tab = named ? await chrome.tabs.get(named) : (await chrome.tabs.query({ active: true, currentWindow: true }))[0];
const host = /^https?:/.test(tab?.url ?? '') ? new URL(tab.url).hostname : '';
const chosen = await settings();
let state = null;

const many = (n, one, more) => `${n} ${n === 1 ? one : more}`;
function words({ running, generated, failed, left, looked, loading, error }) {
  if (error) return error;
  if (!running) return 'The page is as it was.';
  // In large steps, since each is spoken.
  if (loading) return `Loading the model: ${10 * Math.floor((10 * loading.loaded) / loading.total)} %`;
  const parts = [generated ? `${many(generated, 'picture', 'pictures')} described.` : ''];
  if (failed) parts.push(`${many(failed, 'picture', 'pictures')} could not be described.`);
  if (left) parts.push(`${many(left, 'picture was', 'pictures were')} too many and left out.`);
  return parts.join(' ').trim() || (looked ? 'No picture lacks a text. Later ones are described as they come.' : 'Looking for pictures without a text.');
}

function show(next) {
  state = next;
  $('go').textContent = state?.running ? 'Undo' : 'Describe the pictures of this page';
  if (!state) return;
  const text = words(state);
  if ($('status').textContent !== text) $('status').textContent = text; // a live region is read when it changes
  $('reasons').hidden = !state.reasons.length;
  $('reasons').replaceChildren(...state.reasons.map((reason) => Object.assign(document.createElement('li'), { textContent: reason })));
  $('allow').hidden = !state.hosts.length;
  $('allow').textContent = `Allow pictures from ${state.hosts.join(', ')}`;
}

async function attempt(action) {
  try {
    show(await action());
  } catch (error) {
    $('status').textContent = /cannot be scripted|cannot access|missing host permission|extensions gallery|chrome:|about:/i.test(error.message) ? 'The browser lets no extension into this page.' : error.message;
  }
}

$('go').addEventListener('click', () => attempt(() => (state?.running ? undo(tab.id) : start(tab.id))));
// The browser closes this window when its question opens: what follows from the answer is done in the background.
$('allow').addEventListener('click', () => void chrome.permissions.request({ origins: state.hosts.map(pattern) }));
$('always').addEventListener('change', async ({ target }) => {
  const without = chosen.sites.filter((s) => s !== host), sites = target.checked ? hosts([...without, host]) : without;
  // Asked at once, for the click counts only until something is waited for; a site without a permission is not described.
  const asking = target.checked ? chrome.permissions.request({ origins: [pattern(host)] }) : true;
  await save({ sites });
  chosen.sites = sites;
  if (await asking) return;
  target.checked = false;
  await save({ sites: (chosen.sites = without) });
});
chrome.runtime.onMessage.addListener((message, sender) => {
  if (message?.type === 'state' && sender.tab?.id === tab.id) show(message.state);
});

if (host) {
  $('always-text').textContent = `Always on ${host}`;
  $('always').checked = chosen.sites.includes(host);
  $('always-row').hidden = false;
}
show(tab ? await look(tab.id) : null);
$('go').disabled = false;
$('go').focus();
