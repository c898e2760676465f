// What the person has chosen, kept in the extension's own storage.

export const defaults = {
  model: 'demo',
  language: '', // '' = that of the page
  prompt: '', // '' = autoAlt's own
  max_length: 125,
  // Among texts of the page's authors a listener must be able to tell which were guessed.
  prefix: 'Generated: ',
  replace: 'missing',
  badge: false,
  sites: [], // hosts whose pages are described without being asked
};

export const settings = async () => ({ ...defaults, ...(await chrome.storage.local.get(Object.keys(defaults))) });
export const save = (changes) => chrome.storage.local.set(changes);

/** The pattern under which the browser gives access to a host, at any port. */
export const pattern = (host) => `*://${host}/*`;

/** Where models come from, as the browser is asked for them. */
export const hub = ['https://huggingface.co/*', 'https://*.hf.co/*'];
