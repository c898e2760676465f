// The script of a page, as the extension's window uses it.
const send = async (tabId, type) => (await chrome.tabs.sendMessage(tabId, { to: 'page', type })).state;

/** What it has done so far; null where it is not there. */
export const look = (tabId) => send(tabId, 'state').catch(() => null);

/** Fails where the browser lets no extension in: its own pages, its shop. */
export async function start(tabId) {
  await chrome.scripting.executeScript({ target: { tabId }, files: ['content.js'] });
  return look(tabId);
}

export const undo = (tabId) => send(tabId, 'undo');
