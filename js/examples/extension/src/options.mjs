// The options page. Permissions are asked for here, where a click stands behind them.
import { probe } from './galago/index.js';
import { hub, pattern, save, settings } from './settings.mjs';
import { host, hosts } from './sites.mjs';

const $ = (id) => document.getElementById(id);
const say = (text) => ($('status').textContent = text);
const size = (bytes) => (bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.ceil(bytes / 1e6)} MB`);

let now = await settings();
for (const name of ['model', 'language', 'prompt', 'max_length', 'prefix', 'replace']) $(name).value = now[name];
$('badge').checked = now.badge;
$('sites').value = now.sites.join('\n');

/** What is wrong with the form, for people; '' where nothing is. */
function wrong({ model, language, sites }) {
  if (model !== 'demo' && !/^[\w.-]+\/[\w.-]+(@[\w./-]+)?$/.test(model)) return `"${model}" is no model's name. Write demo, or owner/name as on huggingface.co.`;
  if (language && !/^[a-z]{2,3}(-[a-z0-9]{2,8})*$/i.test(language)) return `"${language}" is no code of a language. Write one such as en or de.`;
  const odd = sites.find((line) => !host(line));
  return odd ? `"${odd}" is no site. Write its name, such as news.example.org.` : '';
}

$('form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const lines = $('sites').value.split(/[\s,]+/).filter(Boolean);
  const form = { model: $('model').value.trim() || 'demo', language: $('language').value.trim(), sites: lines };
  const problem = wrong(form);
  if (problem) return say(problem);
  const sites = hosts(lines), origins = [...sites.map(pattern), ...(form.model === 'demo' ? [] : hub)];
  // One question for all; what is allowed already is not asked again.
  if (origins.length && !(await chrome.permissions.request({ origins }))) return say('Nothing was saved, since the browser was not allowed to let the extension in.');
  const gone = now.sites.filter((s) => !sites.includes(s)).map(pattern);
  if (gone.length) await chrome.permissions.remove({ origins: gone }).catch(() => {}); // one that the manifest requires stays
  const saved = { ...form, sites, prompt: $('prompt').value.trim(), max_length: Number($('max_length').value), prefix: $('prefix').value, replace: $('replace').value, badge: $('badge').checked };
  await save(saved);
  now = saved;
  $('sites').value = sites.join('\n');
  say('Saved.');
  if (form.model !== 'demo') say(`Saved. ${await about(form.model)}`);
});

/** What the choice of a model means, before anything is fetched. */
async function about(model) {
  say('Saved. Asking how large the model is…');
  try {
    const p = await probe(model, { device: 'auto' });
    if (!p.supported) return `This model will not run here: ${p.reason}`;
    return p.download_bytes ? `With the first picture ${size(p.download_bytes)} are fetched, once; it takes ${size(p.memory_bytes)} of memory. ${p.device.reason}` : `The model is here already. ${p.device.reason}`;
  } catch (error) {
    return error.message;
  }
}
