// Wrong input of every kind fails with a GalagoError whose code and message say what to do, and the pipeline goes on.
import { bytes, device, expected, load, sample, url } from './lib.mjs';

const prompt = 'Describe this image.';
let galago, vl, one;

export async function before(t) {
  galago = await load();
  vl = await galago.pipeline('image-to-text', 'demo', device(t.env));
  one = await bytes(t.env, sample(1));
}
export async function after(t) {
  const [r] = await vl(one, { prompt, max_new_tokens: 40 });
  t.equal(r.generated_text, (await expected(t.env, ['shapes-1.png'])).text, 'after all the errors');
  await vl.dispose();
}

const isOurs = (t, error) => t.ok(error instanceof galago.GalagoError, `${error.name}: ${error.message}`);

export const tests = {
  'pictures that are broken': async (t) => {
    for (const name of ['bad_png_cut.png', 'bad_gif_no_frame.gif', 'bad_bmp_cut.bmp', 'bad_empty.jpg', 'bad_text.txt', 'bad_jpeg_cut.jpg', 'bad_webp_cut.webp']) {
      const file = await bytes(t.env, `tests/data/images/${name}`);
      // JPEG and WebP are decoded by the browser: Firefox and WebKit show such a picture as far as it goes.
      const lenient = ['firefox', 'webkit'].includes(t.env.browser) && /jpeg|webp/.test(name);
      const outcome = vl(file, { prompt, max_new_tokens: 2 });
      if (lenient) await outcome.catch((e) => t.equal(e.code, 'format', name));
      else isOurs(t, await t.rejects(outcome, 'format').catch((e) => t.fail(`${name}: ${e.message}`)));
    }
  },

  'pictures that are too large': async (t) => {
    const error = await t.rejects(vl(await bytes(t.env, 'tests/data/images/bad_png_30000.png'), { prompt, max_new_tokens: 2 }));
    t.ok(['format', 'unsupported', 'memory'].includes(error.code), `${error.code}: ${error.message}`);
  },

  'a picture that is not there': async (t) => {
    isOurs(t, await t.rejects(vl(url(t.env, 'models/demo/samples/none.png'), { prompt }), 'network', /404/));
  },

  'no pixels': async (t) => {
    isOurs(t, await t.rejects(vl({ data: new Uint8ClampedArray(0), width: 0, height: 0 }, { prompt }), 'argument'));
  },

  'a prompt longer than the context': async (t) => {
    const error = await t.rejects(vl(one, { prompt: 'How many shapes? '.repeat(4000), max_new_tokens: 2 }), 'argument', /\d/);
    isOurs(t, error);
  },

  'options out of range': async (t) => {
    for (const wrong of [{ max_new_tokens: -1 }, { temperature: -1 }, { temperature: NaN }, { top_p: 2 }, { top_k: -3 }]) {
      isOurs(t, await t.rejects(vl(one, { prompt, ...wrong }), 'argument'));
    }
  },

  'an unknown task, model, device, dtype': async (t) => {
    isOurs(t, await t.rejects(galago.pipeline('text-to-speech', 'demo'), 'argument', /image-to-text/));
    isOurs(t, await t.rejects(galago.pipeline('image-to-text', 'demo', { device: 'abacus' }), 'argument', /cpu/));
    isOurs(t, await t.rejects(galago.pipeline('image-to-text', 'demo', { dtype: 'q3_1', ...device(t.env) }), 'argument', /q4/));
    isOurs(t, await t.rejects(galago.pipeline('image-to-text', url(t.env, 'models/none/none.gguf'), device(t.env)), 'network', /404/));
  },

  'a file that is no model': async (t) => {
    isOurs(t, await t.rejects(galago.pipeline('image-to-text', url(t.env, 'tests/data/images/bad_text.txt'), device(t.env))));
  },

  'use after dispose': async (t) => {
    const gone = await galago.pipeline('image-to-text', 'demo', device(t.env));
    await gone.dispose();
    await gone.dispose(); // twice is no error
    isOurs(t, await t.rejects(gone(one, { prompt }), 'argument', /dispose/));
  },
};
