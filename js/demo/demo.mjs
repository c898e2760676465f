// The demo page: a picture and a question in, words out, as they are made. It uses the package and nothing else.
//   ?model=NAME    another model than the demo: a hub id or the address of a GGUF file
import { pipeline } from './dist/index.js';

const at = (id) => document.getElementById(id);
const model = new URLSearchParams(location.search).get('model') ?? 'demo';

let ready = null; // the pipeline, or its promise while it loads
let picture = null; // what goes to the model: a File, a Blob or an address
let running = null; // AbortController of the answer being made
let answering = Promise.resolve(); // settles when the answer before has ended
let shownUrl = null;

const status = (text) => (at('status').textContent = text);
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(bytes < 1e8 ? 1 : 0)} MB`;

function failure(error) {
  at('failure').hidden = !error;
  at('failure').textContent = error ? error.message : '';
}

function progress(fraction) {
  at('progress').hidden = fraction === null;
  if (fraction === null || fraction === undefined) at('progress').removeAttribute('value');
  else at('progress').value = fraction;
}

function buttons() {
  at('go').disabled = !picture;
  at('go').hidden = Boolean(running);
  at('stop').hidden = !running;
}

function onProgress(event) {
  if (event.status === 'progress_total' || (event.status === 'progress' && event.total)) {
    progress(event.loaded / event.total);
    status(`Fetching the model: ${megabytes(event.loaded)} of ${megabytes(event.total)}, kept for the next time`);
  }
}

// Loads the model on the device that the page asks for; the one before is given back first.
async function load() {
  const before = ready;
  status('Loading the model…');
  progress(undefined);
  ready = (async () => {
    try {
      await (await before?.catch(() => null))?.dispose();
      const vl = await pipeline('image-to-text', model, { device: at('device').value, progress_callback: onProgress });
      status(`Ready on ${vl.device.name}`);
      return vl;
    } finally {
      progress(null);
    }
  })();
  try {
    await ready;
    failure(null);
  } catch (error) {
    ready = null;
    status('Not loaded');
    failure(error);
  }
}

function figures({ timings, memory, completion_tokens }) {
  at('figures').hidden = false;
  at('first').textContent = `${timings.first_token_ms.toFixed(0)} ms`;
  at('speed').textContent = timings.decode_tok_s ? `${timings.decode_tok_s.toFixed(0)} per s` : '–';
  at('made').textContent = String(completion_tokens);
  at('memory').textContent = megabytes(memory.wasm_bytes + memory.gpu_bytes);
}

// Answers the question about the picture; an answer under way is stopped first.
async function describe() {
  running?.abort();
  const mine = (running = new AbortController());
  await answering;
  if (mine.signal.aborted) return;
  answering = answer(mine).finally(() => {
    if (running === mine) running = null;
    at('answer').setAttribute('aria-busy', 'false');
    buttons();
  });
}

async function answer({ signal }) {
  buttons();
  failure(null);
  at('finished').textContent = '';
  at('answer').textContent = '';
  at('answer').setAttribute('aria-busy', 'true');
  at('answer').scrollIntoView({ block: 'nearest' });
  try {
    if (!ready) await load();
    const vl = await ready;
    if (!vl || signal.aborted) return;
    status(`Looking, on ${vl.device.name}…`);
    const stream = vl.stream(picture, { prompt: at('prompt').value || 'Describe this image.', max_new_tokens: 256, signal });
    for await (const piece of stream) at('answer').append(piece);
    figures(await stream.result);
    // One announcement of the whole answer: a reader that speaks every piece as it comes is of no use.
    at('finished').textContent = at('answer').textContent;
    status(`Done on ${vl.device.name}`);
  } catch (error) {
    if (error.name === 'AbortError') status('Stopped');
    else failure(error);
  }
}

// Shows the picture and asks about it at once: that is what people come for.
function choose(source, name, pressed = null) {
  picture = source;
  for (const button of document.querySelectorAll('.sample')) button.setAttribute('aria-pressed', String(button === pressed));
  if (shownUrl) URL.revokeObjectURL(shownUrl);
  shownUrl = typeof source === 'string' ? null : URL.createObjectURL(source);
  const image = at('shown');
  image.src = shownUrl ?? source;
  image.alt = name;
  image.hidden = false;
  at('hint').hidden = true;
  describe();
}

at('file').addEventListener('change', () => {
  const [file] = at('file').files;
  if (file) choose(file, file.name);
  at('file').value = '';
});
for (const button of document.querySelectorAll('.sample')) {
  button.setAttribute('aria-pressed', 'false');
  button.addEventListener('click', () => choose(new URL(button.dataset.src, location.href).href, button.getAttribute('aria-label'), button));
}
at('form').addEventListener('submit', (event) => {
  event.preventDefault();
  if (picture) describe();
});
at('stop').addEventListener('click', () => running?.abort());
addEventListener('keydown', (event) => event.key === 'Escape' && running?.abort());
at('device').addEventListener('change', () => {
  running?.abort();
  load();
});

const pictureOf = (items) => [...(items?.files ?? [])].find((file) => file.type.startsWith('image/'));
addEventListener('paste', (event) => {
  const file = pictureOf(event.clipboardData);
  if (file) choose(file, file.name || 'Pasted picture');
});
for (const type of ['dragenter', 'dragover', 'dragleave', 'drop']) {
  addEventListener(type, (event) => {
    event.preventDefault();
    at('drop').classList.toggle('over', type === 'dragenter' || type === 'dragover');
    if (type !== 'drop') return;
    const file = pictureOf(event.dataTransfer);
    if (file) choose(file, file.name);
    else failure(new Error('That was not a picture. Drop a file of a picture: JPEG, PNG, WebP, GIF or BMP.'));
  });
}

if (model !== 'demo') at('about').textContent = `The model is ${model}.`;
load();
