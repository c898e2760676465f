// The demo model's greedy words in this host equal those of the native program, for pictures of every format, several pictures,
// none, and other questions than the usual one.
import { device, load, nativeWords, url } from './lib.mjs';

let vl;

export async function before(t) {
  const { pipeline } = await load();
  vl = await pipeline('image-to-text', 'demo', device(t.env));
  t.note('device', `${vl.device.name}; ${vl.info.device}`);
  t.equal(vl.device.type, t.env.device);
}
export async function after() {
  await vl.dispose();
}

// On software GPUs each picture takes seconds: there one of each kind of file.
const few = /shapes-1|png_rgb8|jpeg_exif_6|webp_lossy|gif_palette/;

export async function tests(env) {
  const cases = (await nativeWords(env)).filter((c) => env.device === 'cpu' || !env.quick || c.images.every((i) => few.test(i)));
  return Object.fromEntries(cases.map((c) => {
    const names = c.images.map((i) => i.split('/').pop()).join(' and ') || 'no picture';
    return [`${names}: ${c.prompt}`, {
      seconds: 120,
      run: async (t) => {
        const messages = [{ role: 'user', content: [...c.images.map((i) => ({ type: 'image', image: url(env, i) })), { type: 'text', text: c.prompt }] }];
        const [result] = c.images.length === 1
          ? await vl(url(env, c.images[0]), { prompt: c.prompt, max_new_tokens: c.max_tokens })
          : await vl(messages, { max_new_tokens: c.max_tokens });
        const text = c.images.length === 1 ? result.generated_text : result.generated_text.at(-1).content;
        t.equal(text, c.text);
      },
    }];
  }));
}
