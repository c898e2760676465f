// autoAlt with a model, and with a page that changes: whose words they are, how pictures of every kind are read, what is watched, how it ends.
import { describer, el, img, load, mark, on, settled, until } from './auto_alt_lib.mjs';
import { bytes, device, expected, load as galago, sample, sleep, svg, url } from './lib.mjs';

export const strays = /thrown by onalt/;

const seen = { width: '100px', height: '100px' };
let vl;

export async function before(t) {
  const { pipeline } = await galago();
  vl = await pipeline('image-to-text', 'demo', device(t.env));
}
export async function after() {
  await vl.dispose();
}

const native = async (t, n) => (await expected(t.env, [`shapes-${n}.png`])).text;
const small = svg.replace('width="256" height="256"', 'width="64" height="64" viewBox="0 0 256 256"');
const dataUrl = async (t, path, type) => `data:${type};base64,${btoa(String.fromCharCode(...(await bytes(t.env, path))))}`;

/** The text that one picture gets from the model. */
async function textOf(t, make, options = {}) {
  let text;
  const element = await make;
  await on([element], async (start) => {
    const { results } = await start({ pipeline: vl, ...options }).done;
    if (results.length !== 1 || results[0].error) t.fail(results[0]?.error?.message ?? 'no result');
    text = element.getAttribute('alt') ?? element.getAttribute('aria-label');
  });
  return text;
}

/** A picture of another server than the page's. */
const foreign = (t, query = '') => el('img', { src: `${t.env.origins.plain === t.env.origin ? t.env.origins.csp : t.env.origins.plain}/${sample(2)}${query}`, style: seen });
const foreignOnly = { unless: (env) => (env.mode === 'csp' ? 'the policy shows no pictures of others' : undefined) };

export const tests = {
  'the words are the pipeline\'s, with its figures': {
    seconds: 120,
    run: async (t) => {
      const pictures = [1, 2, 3].map((n) => img(t, n));
      await on(pictures, async (start) => {
        const heard = [], run = start({ pipeline: vl, onalt: (r) => heard.push(r.text) }), { results } = await run.done;
        for (const n of [1, 2, 3]) t.equal(pictures[n - 1].alt, await native(t, n));
        t.equal(heard, results.map((r) => r.text));
        t.ok(results.every((r) => r.figures.token_ids.length > 5 && r.figures.timings.vision_ms > 0));
        const [{ generated_text }] = await vl(pictures[0], { prompt: 'Describe this image.' });
        t.equal(pictures[0].alt, generated_text);
      });
    },
  },

  'a data: picture': async (t) => t.equal(await textOf(t, el('img', { src: await dataUrl(t, sample(2), 'image/png'), style: seen })), await native(t, 2)),
  'a blob: picture, although no script may fetch it': async (t) => {
    const address = URL.createObjectURL(new Blob([await bytes(t.env, sample(2))], { type: 'image/png' }));
    t.equal(await textOf(t, el('img', { src: address, style: seen })), await native(t, 2));
    URL.revokeObjectURL(address);
  },
  'the first frame of an animation': async (t) => {
    const first = (await expected(t.env, ['gif_animation.gif'])).text;
    t.equal(await textOf(t, el('img', { src: url(t.env, 'tests/data/images/gif_animation.gif'), style: seen }), { max_length: 1000 }), first);
  },
  'a JPEG, a WebP and a BMP': { seconds: 120, run: async (t) => {
    for (const name of ['jpeg_444.jpg', 'webp_lossless.webp', 'bmp_24.bmp']) {
      const address = url(t.env, `tests/data/images/${name}`), text = await textOf(t, el('img', { src: address, style: seen }), { max_length: 1000 });
      t.equal(text, (await vl(address, { max_new_tokens: 512 }))[0].generated_text.trim(), name);
    }
  } },
  'a vector picture is drawn': async (t) => {
    t.match(await textOf(t, el('img', { src: `data:image/svg+xml,${encodeURIComponent(svg)}`, style: seen })), /green circle/i);
    t.match(await textOf(t, el('img', { src: `data:image/svg+xml,${encodeURIComponent(small)}`, style: seen })), /green circle/i, 'of 64 pixels');
    const blob = URL.createObjectURL(new Blob([svg], { type: 'image/svg+xml' }));
    t.match(await textOf(t, el('img', { src: blob, style: seen })), /green circle/i, 'a blob');
  },
  'a canvas': async (t) => {
    const canvas = el('canvas', { role: 'img', width: 256, height: 256 }), picture = await createImageBitmap(new Blob([await bytes(t.env, sample(2))]));
    canvas.getContext('2d').drawImage(picture, 0, 0);
    t.equal(await textOf(t, canvas), await native(t, 2));
  },
  'input type=image and a background': async (t) => {
    t.equal(await textOf(t, el('input', { type: 'image', src: url(t.env, sample(2)), style: seen })), await native(t, 2));
    const box = el('div', { role: 'img', style: { ...seen, backgroundImage: `url(${url(t.env, sample(2))})` } });
    t.equal(await textOf(t, box, { backgrounds: true }), await native(t, 2));
  },
  'srcset and picture: the address that is shown': async (t) => {
    const inner = el('img', { src: url(t.env, sample(1)), style: seen }), picture = el('picture', {}, el('source', { srcset: url(t.env, sample(2)) }), inner);
    await on([picture], async (start) => {
      await start({ pipeline: vl }).done;
      t.equal(inner.alt, await native(t, 2));
    });
  },

  'a picture of another server that allows it': { ...foreignOnly, run: async (t) => {
    t.equal(await textOf(t, foreign(t, '?cors')), await native(t, 2));
    const marked = foreign(t, '?cors&marked');
    marked.crossOrigin = 'anonymous';
    t.equal(await textOf(t, marked), await native(t, 2));
  } },
  'a picture of another server that does not is marked, with the reason': { ...foreignOnly, run: async (t) => {
    const picture = foreign(t), errors = [];
    await on([picture, img(t, 1)], async (start, place) => {
      const { failed, generated, results } = await start({ pipeline: vl, onerror: (error, result) => errors.push([error.code, result.element === picture]) }).done;
      t.equal([failed, generated, mark(picture), picture.hasAttribute('alt'), errors], [1, 1, 'failed', false, [['network', true]]]);
      t.match(results.find((r) => r.error).error.message, /another server \(localhost:\d+\).*Access-Control-Allow-Origin/);
      t.ok(place.lastChild.alt);
    });
  } },
  'a picture that does not load, or is none, is marked': async (t) => {
    const absent = el('img', { src: url(t.env, 'models/absent.png'), style: seen, width: 100, height: 100 }), text = el('img', { src: url(t.env, 'docs/JS.md'), style: seen });
    await on([absent, text], async (start) => {
      const run = start({ pipeline: vl }), { failed, results } = await run.done;
      t.equal([failed, mark(absent), mark(text), results[0].error.code], [2, 'failed', 'failed', 'network']);
      t.match(results[0].error.message, /absent\.png/);
      await run.undo();
      t.equal([mark(absent), mark(text)], [null, null]);
    });
  },
  'a describer that fails, or says nothing': async (t) => {
    await on([img(t, 1), img(t, 2)], async (start) => {
      const { failed, results } = await start({ describe: ({ url }) => (url.includes('shapes-1') ? ' \n ' : Promise.reject(new Error('out of paper'))) }).done;
      t.equal([failed, results.map((r) => r.error.message)], [2, ['The model gave no words for the picture', 'out of paper']]);
    });
  },

  'a callback that throws holds nothing up': async (t) => {
    const { describe } = describer(), heard = [], hear = (e) => (heard.push(e.message), e.preventDefault());
    addEventListener('error', hear);
    await on([img(t, 1), img(t, 2)], async (start) => {
      const onalt = () => {
        throw new Error('thrown by onalt');
      };
      t.equal((await start({ describe, onalt }).done).generated, 2);
    });
    removeEventListener('error', hear);
    t.equal(heard.length, 2);
    t.match(heard[0], /thrown by onalt/);
  },

  'later pictures, and another address': async (t) => {
    const picture = img(t, 1), { describe, asked } = describer();
    await on([picture], async (start, place) => {
      const run = start({ describe });
      await run.done;
      place.append(el('section', {}, img(t, 2)));
      await until(() => place.querySelector('section img').alt === 'words for shapes-2.png', 'the words of a later picture');
      picture.src = url(t.env, sample(3));
      await until(() => !picture.hasAttribute('alt') || picture.alt === 'words for shapes-3.png', 'the old words\' end');
      await until(() => picture.alt === 'words for shapes-3.png', 'the words of the other address');
      t.equal([asked.length, run.results.length], [3, 3]);
      picture.removeAttribute('alt'); // the page's wish
      await settled();
      t.equal([picture.hasAttribute('alt'), mark(picture)], [false, null]);
    });
  },
  'another address while the model is at it': async (t) => {
    const picture = img(t, 1), asked = [];
    const describe = async (request) => {
      asked.push(request.url.split('/').pop());
      if (asked.length === 1) picture.src = url(t.env, sample(2));
      await sleep(100);
      return `words for ${request.url.split('/').pop()}`;
    };
    await on([picture], async (start) => {
      await start({ describe }).done;
      await until(() => picture.alt === 'words for shapes-2.png', 'the words of the new address');
      t.equal(asked, ['shapes-1.png', 'shapes-2.png']);
    });
  },
  'what stops being decoration': async (t) => {
    const picture = img(t, 1, { alt: '' }), inside = el('div', { 'aria-hidden': 'true' }, img(t, 2)), { describe } = describer();
    await on([picture, inside], async (start) => {
      t.equal((await start({ describe }).done).generated, 0);
      picture.removeAttribute('alt');
      inside.removeAttribute('aria-hidden');
      await until(() => picture.alt && inside.firstChild.alt, 'the words');
    });
  },
  'observe: false looks once': async (t) => {
    const { describe, asked } = describer();
    await on([img(t, 1)], async (start, place) => {
      await start({ describe, observe: false }).done;
      place.append(img(t, 2));
      await settled();
      t.equal(asked.length, 1);
    });
  },
  'a picture that is taken away is not asked for': async (t) => {
    const { describe, urls } = describer(500);
    await on([img(t, 1), img(t, 2)], async (start, place) => {
      const { done } = start({ describe });
      await until(() => urls().length === 1, 'the first question');
      place.lastChild.remove();
      t.equal([(await done).generated, urls().length], [1, 1]);
    });
  },
  'open shadow roots, by option': async (t) => {
    const host = el('div'), { describe } = describer(), { describe: other, asked } = describer();
    const inner = host.attachShadow({ mode: 'open' }).appendChild(img(t, 1));
    await on([host], async (start) => {
      t.equal((await start({ describe: other }).done).generated + asked.length, 0);
      await start({ describe, shadow: true }).done;
      t.equal(inner.alt, 'words for shapes-1.png');
      host.shadowRoot.append(img(t, 2));
      await until(() => host.shadowRoot.lastChild.alt, 'the words of a later picture inside');
      const late = el('galago-test-late');
      host.shadowRoot.append(late);
      await settled();
      customElements.define('galago-test-late', class extends HTMLElement {
        constructor() {
          super().attachShadow({ mode: 'open' }).append(img(t, 3));
        }
      });
      await until(() => late.shadowRoot.firstChild.alt, 'the words in a component that was defined later');
    });
  },
  'a picture that loads only when it is near waits': async (t) => {
    const far = img(t, 1, { loading: 'lazy' }, `?lazy${Math.random()}`), { describe } = describer();
    await on([el('div', { style: { height: '20000px' } }), far], async (start) => {
      const { generated, waiting } = await start({ describe }).done;
      if (far.complete) t.skip('the browser loads it at once');
      t.equal([generated, waiting], [0, 1]);
      far.scrollIntoView();
      await until(() => far.alt, 'the words');
    });
  },
  'pause, resume and stop': async (t) => {
    const { describe, asked } = describer(300), pictures = [1, 2, 3].map((n) => img(t, n));
    await on(pictures, async (start) => {
      const run = start({ describe });
      await until(() => asked.length === 1, 'the first question');
      run.pause();
      await until(() => pictures[0].alt, 'the words of what was begun');
      await settled();
      t.equal([asked.length, Boolean(pictures[0].alt), run.paused], [1, true, true]);
      run.resume();
      await until(() => asked.length === 2, 'the second question');
      await run.stop();
      t.equal((await run.done).generated, 1);
      await settled();
      t.equal([asked.length, asked[1].signal.aborted, pictures.map(mark)], [2, true, ['generated', null, null]]);
    });
  },
  'pause_hidden: nothing is begun while the page is hidden': async (t) => {
    const { describe, asked } = describer();
    let hidden = true;
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
    try {
      await on([img(t, 1)], async (start) => {
        const run = start({ describe });
        await sleep(800);
        t.equal(asked.length, 0);
        hidden = false;
        document.dispatchEvent(new Event('visibilitychange'));
        t.equal((await run.done).generated, 1);
        hidden = true;
        const other = describer(), second = start({ describe: other.describe, pause_hidden: false, replace: 'all' });
        second.pause();
        await run.undo();
        second.resume();
        t.equal((await second.done).generated, 1);
      });
    } finally {
      delete document.hidden;
    }
  },
  'a signal ends it': async (t) => {
    const control = new AbortController(), { describe, asked } = describer(300);
    await on([img(t, 1), img(t, 2)], async (start) => {
      const run = start({ describe, signal: control.signal });
      await until(() => asked.length === 1, 'the first question');
      control.abort();
      t.equal((await run.done).generated, 0);
      t.equal((await start({ describe, signal: control.signal }).done).generated, 0, 'aborted before');
    });
  },

  'a model of its own is opened for the first picture alone, and closed': {
    seconds: 120,
    run: async (t) => {
      const events = [], options = { ...device(t.env), model: 'demo', progress_callback: (e) => events.push(e.status) };
      await on([], async (start, place) => {
        const run = start(options);
        t.equal((await run.done).generated, 0);
        await settled();
        t.equal(events, [], 'nothing was fetched');
        place.append(img(t, 1));
        await until(() => place.firstChild?.alt, 'the words');
        t.equal(place.firstChild.alt, await native(t, 1));
        t.ok(events.includes('ready'));
        await run.stop();
        t.equal(place.firstChild.alt, await native(t, 1), 'the text stays');
      });
    },
  },
  'a promise of a pipeline, and a function': async (t) => {
    t.equal(await textOf(t, img(t, 1), { pipeline: Promise.resolve(vl) }), await native(t, 1));
    let calls = 0;
    const pipeline = () => (calls++, vl);
    await on([img(t, 1), img(t, 2)], async (start) => t.equal((await start({ pipeline }).done).generated, 2));
    t.equal(calls, 1);
    await on([], async (start) => void (await start({ pipeline }).done));
    t.equal(calls, 1, 'without a picture nothing is asked for');
  },
  'a model that cannot be opened is told once': async (t) => {
    const errors = [], pictures = [img(t, 1), img(t, 2)];
    await on(pictures, async (start) => {
      const run = start({ pipeline: () => Promise.reject(new Error('no such model')), onerror: (e, r) => errors.push([e.message, r]) });
      const error = await t.rejects(run.done);
      t.equal([error.message, errors, pictures.map(mark)], ['no such model', [['no such model', null]], [null, null]]);
    });
  },
  'prompt, language and generation reach the model': async (t) => {
    const { describe, asked } = describer(), german = el('section', { lang: 'de' }, img(t, 1)), english = el('section', { lang: 'en-GB' }, img(t, 2));
    await on([german, english], async (start) => {
      await start({ describe, prompt: 'What is it?' }).done;
      t.equal(asked.map((r) => [r.prompt, r.language]), [['What is it? Answer in German.', 'de'], ['What is it?', 'en-GB']]);
      await start({ describe, replace: 'all', language: 'fr' }).undo();
    });
    await on([el('section', { lang: 'de' }, img(t, 1))], async (start) => {
      await start({ describe, language: '' }).done;
      t.ok(!asked.at(-1).prompt.includes('German'));
    });
    const short = await textOf(t, img(t, 1), { generation: { max_new_tokens: 3 } });
    t.ok(short.length < 30 && (await native(t, 1)).startsWith(short.replace('…', '')), short);
  },
  'options out of range are refused by name': async (t) => {
    const { autoAlt } = await load(), { GalagoError } = await galago();
    for (const [options, message] of [
      [{ replace: 'some' }, /replace is "some"/], [{ max_length: 5 }, /max_length is 5/], [{ min_size: -1 }, /min_size is -1/], [{ limit: 'x' }, /limit is x/], [{ selector: '<<' }, /selector "<<"/],
      [{ describe: 1 }, /describe must be/], [{ describe: () => '', pipeline: vl }, /either/], [{ pipeline: 3 }, /pipeline must be/], [{ prefix: 'x'.repeat(200) }, /prefix/],
    ]) {
      const error = await t.rejects(async () => autoAlt(document, options), 'argument', message);
      t.ok(error instanceof GalagoError);
    }
    await t.rejects(async () => autoAlt('body'), 'argument', /first argument/);
    await on([img(t, 1)], async (start) => void (await t.rejects(start({ pipeline: Promise.resolve({}) }).done, 'argument', /image-to-text/)));
  },
};
