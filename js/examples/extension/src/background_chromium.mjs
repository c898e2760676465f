// Chromium's background is a service worker, which can make no workers: the model lives in an offscreen document.
import { start } from './background.mjs';
import { settings } from './settings.mjs';

let opening = null;

async function open() {
  const found = await chrome.runtime.getContexts({ contextTypes: ['OFFSCREEN_DOCUMENT'] });
  if (found.length) return;
  await chrome.offscreen.createDocument({ url: 'offscreen.html', reasons: ['WORKERS'], justification: 'The model that describes pictures runs in a worker.' });
}

start(
  // Two tabs at once must not make two documents: the second would be refused.
  () => (opening ??= open().finally(() => (opening = null))),
  { settings, idle: () => chrome.offscreen.closeDocument().catch(() => {}) },
);
