// Questions to the model's page over a port, one at a time as autoAlt asks them.

/** Of a picture that goes over as pixels: the model sees no more. */
const LONGEST = 2048;

export class Describer {
  /** Why no picture can be described any more; ''. */
  fatal = '';
  #port = null;
  #waiting = new Map();
  #count = 0;

  constructor(settings, onprogress) {
    this.settings = settings;
    this.onprogress = onprogress;
  }

  /** autoAlt's `describe`. */
  async describe(request) {
    const { url, prompt } = request, question = { url, prompt, page: location.href, max_new_tokens: Math.max(32, Math.ceil(this.settings.max_length * 0.6)) };
    let reply = await this.#ask(question);
    // The extension may not fetch it, or it has no address: then with the page's own rights.
    if (reply.need) {
      let data;
      try {
        data = await toDataUrl(await request.read());
      } catch (error) {
        const { host, hostname, origin } = new URL(url || location.href);
        if (origin === location.origin || !hostname) throw error;
        throw new Error(`Pictures of ${host} may not be read. Allow it in the extension's window to have them described.`, { cause: 'host' });
      }
      reply = await this.#ask({ ...question, url: '', data });
    }
    if (reply.fatal) this.fatal = reply.error;
    if (reply.error) throw new Error(reply.error);
    return reply.answer;
  }

  close() {
    this.#port?.disconnect();
    this.#lost(new Error('Ended'));
  }

  async #connect() {
    const { error } = (await chrome.runtime.sendMessage({ to: 'background', type: 'wake' })) ?? {};
    if (error) throw new Error(error);
    this.#port = chrome.runtime.connect({ name: 'describe' });
    this.#port.onMessage.addListener((message) => {
      if ('loaded' in message) return this.onprogress(message);
      this.#waiting.get(message.id)?.resolve(message);
      this.#waiting.delete(message.id);
    });
    this.#port.onDisconnect.addListener(() => this.#lost(new Error('The connection to the model was lost')));
  }

  #lost(error) {
    this.#port = null;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  /** Once more where the model's page went away meanwhile, as browsers end what seems idle. */
  async #ask(question, again = true) {
    if (!this.#port) await this.#connect();
    const id = ++this.#count;
    try {
      return await new Promise((resolve, reject) => {
        this.#waiting.set(id, { resolve, reject });
        this.#port.postMessage({ id, ...question });
      });
    } catch (error) {
      if (!again || error.message === 'Ended') throw error;
      return this.#ask(question, false);
    }
  }
}

/** What autoAlt read with the page's rights, as text: messages between pages of an extension carry nothing else everywhere. */
async function toDataUrl(picture) {
  if (typeof picture === 'string' && picture.startsWith('data:')) return picture;
  const blob = typeof picture === 'string' ? await file(picture) : await pixels(picture);
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}

/** A file of the page's own origin; where the page's policy forbids to fetch it, what it shows. */
async function file(url) {
  try {
    const response = await fetch(url);
    if (response.ok && !/svg/.test(response.headers.get('content-type') ?? '')) return await response.blob();
  } catch {
    // Drawn below.
  }
  const image = Object.assign(new Image(), { src: url });
  await image.decode();
  return pixels(image);
}

function pixels(source) {
  const width = source.naturalWidth || source.width, height = source.naturalHeight || source.height, scale = Math.min(1, LONGEST / Math.max(width, height));
  const canvas = Object.assign(document.createElement('canvas'), { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) }), context = canvas.getContext('2d');
  if (source instanceof ImageData) {
    const whole = Object.assign(document.createElement('canvas'), { width, height });
    whole.getContext('2d').putImageData(source, 0, 0);
    source = whole;
  }
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('The picture could not be drawn'))), 'image/png'));
}
