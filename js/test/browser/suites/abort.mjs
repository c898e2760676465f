// An AbortSignal ends each stage with an AbortError, soon, and leaves the pipeline usable.
import { bytes, device, expected, load, sample, sleep } from './lib.mjs';

const prompt = 'Describe this image.';
let galago, vl, one, words;

export async function before(t) {
  galago = await load();
  vl = await galago.pipeline('image-to-text', 'demo', device(t.env));
  one = await bytes(t.env, sample(1));
  words = (await expected(t.env, ['shapes-1.png'])).text;
}
export async function after() {
  await vl.dispose();
}

async function stillWorks(t) {
  const [r] = await vl(one, { prompt, max_new_tokens: 40 });
  t.equal(r.generated_text, words, 'the call after');
}

export const tests = {
  'before it begins': async (t) => {
    await t.rejects(vl(one, { prompt, signal: AbortSignal.abort() }), 'AbortError');
    await t.rejects(galago.pipeline('image-to-text', 'demo', { ...device(t.env), signal: AbortSignal.abort() }), 'AbortError');
    await stillWorks(t);
  },

  'while the model loads': async (t) => {
    const control = new AbortController();
    const loading = galago.pipeline('image-to-text', 'demo', { ...device(t.env), signal: control.signal });
    await sleep(30);
    control.abort();
    // It may have been quick enough to load; then it is a pipeline like any other.
    const ready = await loading.catch((e) => t.equal(e.name, 'AbortError'));
    await ready?.dispose?.();
    await stillWorks(t);
  },

  'at every moment of an answer': async (t) => {
    const started = performance.now();
    await vl(one, { prompt, max_new_tokens: 40 });
    const whole = performance.now() - started;
    const steps = t.env.quick ? 3 : 8;
    let aborted = 0;
    for (let i = 0; i < steps; i++) {
      const control = new AbortController();
      const timer = setTimeout(() => control.abort(), (whole * i) / steps);
      try {
        await vl(one, { prompt, max_new_tokens: 40, signal: control.signal });
      } catch (error) {
        t.equal(error.name, 'AbortError');
        aborted++;
      }
      clearTimeout(timer);
    }
    t.ok(aborted > 0, 'no call was aborted');
    t.note('aborted', `${aborted} of ${steps}`);
    await stillWorks(t);
  },

  'in a stream, with a reason of one\'s own': async (t) => {
    const control = new AbortController();
    const reason = new Error('the user went elsewhere');
    let pieces = 0;
    const error = await t.rejects(async () => {
      for await (const _ of vl.stream(one, { prompt, max_new_tokens: 200, ignore_eos: true, signal: control.signal })) if (++pieces === 2) control.abort(reason);
    });
    t.equal(error.message, reason.message);
    t.ok(pieces < 150, `${pieces} pieces came`);
    await stillWorks(t);
  },

  'one of two waiting calls': async (t) => {
    const control = new AbortController();
    const first = vl(one, { prompt, max_new_tokens: 40 });
    const second = vl(one, { prompt, max_new_tokens: 40, signal: control.signal });
    control.abort();
    await t.rejects(second, 'AbortError');
    t.equal((await first)[0].generated_text, words);
  },
};
