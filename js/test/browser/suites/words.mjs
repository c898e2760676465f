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

// On software GPUs the first picture takes minutes, since pipelines are compiled, and each further one half a minute. This one is small, and
// no word of its answer has a rival: sums of another order move a logit by 0.1 and more where activations are rounded to 8 bits.
const few = /demo_eval\/004/;
const short = 12;

export async function tests(env) {
  const cases = (await nativeWords(env)).filter((c) => env.device === 'cpu' || (c.images.length === 1 && (few.test(c.images[0]) || (env.long && /shapes-1/.test(c.images[0])))));
  return Object.fromEntries(cases.map((c) => {
    const names = c.images.map((i) => i.split('/').pop()).join(' and ') || 'no picture';
    return [`${names}: ${c.prompt}`, {
      seconds: env.device === 'gpu' ? 400 : 120,
      run: async (t) => {
        const max_new_tokens = env.device === 'gpu' ? short : c.max_tokens;
        const messages = [{ role: 'user', content: [...c.images.map((i) => ({ type: 'image', image: url(env, i) })), { type: 'text', text: c.prompt }] }];
        const [result] = c.images.length === 1
          ? await vl(url(env, c.images[0]), { prompt: c.prompt, max_new_tokens })
          : await vl(messages, { max_new_tokens });
        const text = c.images.length === 1 ? result.generated_text : result.generated_text.at(-1).content;
        t.equal(result.token_ids, c.token_ids.slice(0, max_new_tokens));
        if (c.token_ids.length <= max_new_tokens) t.equal(text, c.text);
      },
    }];
  }));
}
