// Every form in which a page can hand over a picture gives the words of the same picture from its file.
import { bytes, device, expected, load, sample, sleep, svg, url } from './lib.mjs';

// A blob: address is first fetched and then, where the policy forbids that, loaded as a picture.
export const strays = /connect-src blocked blob/;

const n = 2;
const prompt = 'Describe this image.';
let vl, file, words;

export async function before(t) {
  const { pipeline } = await load();
  vl = await pipeline('image-to-text', 'demo', device(t.env));
  file = await bytes(t.env, sample(n));
  words = (await expected(t.env, [`shapes-${n}.png`])).text;
}
export async function after() {
  await vl.dispose();
}

const base64 = () => btoa(String.fromCharCode(...file));
const blob = () => new Blob([file], { type: 'image/png' });
const bitmap = () => createImageBitmap(blob());
async function canvas(make) {
  const picture = await bitmap();
  const c = make(picture.width, picture.height);
  c.getContext('2d').drawImage(picture, 0, 0);
  return c;
}
const element = (width, height) => Object.assign(document.createElement('canvas'), { width, height });
async function pixels() {
  const c = await canvas((w, h) => new OffscreenCanvas(w, h));
  return c.getContext('2d').getImageData(0, 0, c.width, c.height);
}
async function loaded(source) {
  const image = new Image();
  image.src = source;
  await image.decode();
  return image;
}

const forms = {
  'an address': async (t) => url(t.env, sample(n)),
  'a relative address': async () => `../../../../${sample(n)}`,
  'a URL': async (t) => new URL(url(t.env, sample(n))),
  'a data: address': async () => `data:image/png;base64,${base64()}`,
  'bare base64': async () => base64(),
  'a blob: address': async () => URL.createObjectURL(blob()),
  'a File': async () => new File([file], 'two.png', { type: 'image/png' }),
  'a File without a type': async () => new File([file], 'two'),
  'a Blob': async () => blob(),
  'an ArrayBuffer': async () => file.slice().buffer,
  'a Uint8Array': async () => file,
  'part of a larger buffer': async () => {
    const large = new Uint8Array(file.length + 20);
    large.set(file, 7);
    return large.subarray(7, 7 + file.length);
  },
  'ImageData': pixels,
  'ImageBitmap': bitmap,
  'OffscreenCanvas': () => canvas((w, h) => new OffscreenCanvas(w, h)),
  'canvas': () => canvas(element),
  'img': (t) => loaded(url(t.env, sample(n))),
  'img that still loads': async (t) => Object.assign(new Image(), { src: url(t.env, sample(n)) }),
};

export const tests = {
  ...Object.fromEntries(Object.entries(forms).map(([name, make]) => [name, {
    run: async (t) => {
      const input = await make(t);
      const [{ generated_text }] = await vl(input, { prompt, max_new_tokens: 40 });
      t.equal(generated_text, words);
    },
  }])),

  'the input stays the caller\'s': async (t) => {
    const picture = await bitmap();
    const before = file.length;
    await vl(picture, { prompt, max_new_tokens: 2 });
    await vl(file, { prompt, max_new_tokens: 2 });
    t.equal([picture.width, file.length], [256, before], 'not closed, not transferred');
  },

  'VideoFrame': {
    unless: () => (typeof VideoFrame === 'function' ? undefined : 'no VideoFrame'),
    run: async (t) => {
      const frame = new VideoFrame(await canvas((w, h) => new OffscreenCanvas(w, h)), { timestamp: 0 });
      const [{ generated_text }] = await vl(frame, { prompt, max_new_tokens: 40 });
      frame.close();
      t.equal(generated_text, words);
    },
  },

  'video': {
    unless: () => (HTMLCanvasElement.prototype.captureStream ? undefined : 'no canvas.captureStream'),
    run: async (t) => {
      // A stream of the canvas: what the element shows is the picture, give or take the conversion to video and back.
      const source = await canvas(element);
      const video = Object.assign(document.createElement('video'), { muted: true, srcObject: source.captureStream(10) });
      let drawing = true;
      (async () => {
        for (const picture = await bitmap(); drawing; await sleep(50)) source.getContext('2d').drawImage(picture, 0, 0);
      })();
      const shown = new Promise((resolve) => video.requestVideoFrameCallback?.(resolve) ?? video.addEventListener('timeupdate', resolve, { once: true }));
      await video.play();
      await Promise.race([shown, sleep(5000)]);
      const [{ generated_text }] = await vl(video, { prompt, max_new_tokens: 40 });
      drawing = false;
      t.equal(generated_text, words);
    },
  },

  'svg with a size': {
    run: async (t) => {
      const [{ generated_text }] = await vl(await loaded(`data:image/svg+xml,${encodeURIComponent(svg)}`), { prompt, max_new_tokens: 40 });
      t.match(generated_text, /green circle/i);
    },
  },

  'what is no picture is refused by name': async (t) => {
    for (const wrong of [42, {}, null, undefined, '', 'not a picture at all.', new Uint8Array(0), new Uint8Array(100), new File(['text'], 'a.png')]) {
      const error = await t.rejects(vl(wrong, { prompt, max_new_tokens: 2 }));
      t.ok(['argument', 'format', 'network', 'io', 'unsupported'].includes(error.code), `${String(wrong)}: code ${error.code}: ${error.message}`);
    }
    const empty = Object.assign(document.createElement('canvas'), { width: 0, height: 10 });
    await t.rejects(vl(empty, { prompt }), 'argument', /0/);
  },
};
