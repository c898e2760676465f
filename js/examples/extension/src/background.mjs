// What both browsers share of the background: the number on the toolbar button, the sites that are described without being asked, the line around pictures.
import { pattern, settings } from './settings.mjs';

const ours = chrome.runtime.getURL('');
const outline = '[data-galago-alt="generated"] { outline: 3px dashed #1a6ad4 !important; outline-offset: 2px !important }';

/** What a page's script may ask for; it stands in a process of the page's, so it is trusted with nothing else. */
async function fromPage(message, tab, wake) {
  if (message.type === 'wake') return wake();
  if (message.type !== 'state') return;
  const { running, generated, failed } = message.state, tabId = tab.id;
  const title = running ? `${generated} described${failed ? `, ${failed} not` : ''}` : 'Describe the pictures of this page';
  await chrome.action.setBadgeBackgroundColor({ tabId, color: '#1f6f5c' });
  await chrome.action.setBadgeText({ tabId, text: running && generated ? String(generated) : '' });
  await chrome.action.setTitle({ tabId, title });
  if (message.first && (await settings()).badge) await chrome.scripting.insertCSS({ target: { tabId }, css: outline });
  if (!running) await chrome.scripting.removeCSS({ target: { tabId }, css: outline }).catch(() => {});
}

/** Lets the browser start content.js by itself where that was chosen and is still allowed. */
export async function registerSites() {
  const { sites } = await settings(), allowed = [];
  for (const host of sites) if (await chrome.permissions.contains({ origins: [pattern(host)] })) allowed.push(pattern(host));
  await chrome.scripting.unregisterContentScripts({ ids: ['sites'] }).catch(() => {}); // fails where there is none
  if (allowed.length) await chrome.scripting.registerContentScripts([{ id: 'sites', js: ['content.js'], matches: allowed, runAt: 'document_idle' }]);
}

/** `wake` makes sure that the model's page is there to be connected to; `others` answers what that page asks. */
export function start(wake, others = {}) {
  chrome.runtime.onMessage.addListener((message, sender, answer) => {
    if (message?.to !== 'background' || sender.id !== chrome.runtime.id) return;
    const inside = sender.url?.startsWith(ours);
    Promise.resolve(inside ? others[message.type]?.() : sender.tab ? fromPage(message, sender.tab, wake) : undefined)
      .then((value) => answer({ value }), (error) => answer({ error: error.message }));
    return true; // the answer comes later
  });
  // One after another: two registrations at once would collide.
  let registering = Promise.resolve();
  const register = () => (registering = registering.then(registerSites).catch((error) => console.error(error)));
  chrome.storage.onChanged.addListener((changes) => changes.sites && register());
  chrome.permissions.onRemoved.addListener(register);
  chrome.permissions.onAdded.addListener(async () => {
    register();
    // The window that asked is gone: the browser closes it when its question opens.
    for (const { id } of await chrome.tabs.query({})) chrome.tabs.sendMessage(id, { to: 'page', type: 'retry' }).catch(() => {}); // most have no script of ours
  });
  chrome.runtime.onInstalled.addListener(register);
  chrome.runtime.onStartup.addListener(register);
}
