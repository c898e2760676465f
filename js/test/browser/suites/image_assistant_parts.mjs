// The parts of <galago-image-assistant> that need a page but no model: what scrolls, what is copied, saved and spoken, the camera. A pretended
// pipeline answers with given pieces, so that each moment of an answer can be looked at.
import { bytes, sample, sleep, until } from './lib.mjs';

export async function before() {
  await import('../../../dist/image-assistant.js');
}

const figures = (text) => ({ text, finish_reason: 'stop', token_ids: [], prompt_tokens: 1, reused_tokens: 0, image_tokens: 1, completion_tokens: 9, device: { type: 'cpu', name: 'x' },
  timings: { load_ms: 1, image_ms: 1, vision_ms: 1, prefill_ms: 1, first_token_ms: 20, decode_ms: 1, decode_tok_s: 50 }, memory: { wasm_bytes: 1e6, heap_used_bytes: 1, gpu_bytes: 0, gpu_buffers: 0 } });

/** Answers with `pieces`, and waits before each until `next` resolves. */
function pretend(pieces, next) {
  const stream = () => {
    let end;
    const result = new Promise((resolve) => (end = resolve));
    return {
      result,
      async *[Symbol.asyncIterator]() {
        for (const piece of pieces) {
          await next();
          yield piece;
        }
        end(figures(pieces.join('')));
      },
    };
  };
  return { model: 'pretended', device: { type: 'cpu', name: 'x' }, stream, createChat: async () => ({ stream, dispose: async () => undefined }) };
}

async function withAnswer(t, { pieces, next = () => sleep(20), setUp }, use) {
  const a = document.createElement('galago-image-assistant');
  a.provider = async () => pretend(pieces, next);
  setUp?.(a);
  document.body.append(a);
  const root = a.shadowRoot, names = (b) => b.getAttribute('aria-label') ?? b.textContent.trim();
  const find = (name) => [...root.querySelectorAll('button, summary')].find((b) => b.getClientRects().length && names(b) === name);
  try {
    await a.addPictures([new File([await bytes(t.env, sample(1))], 'shapes-1.png', { type: 'image/png' })]);
    await use({ a, root, find, press: (name) => {
      const b = find(name);
      if (!b) throw new Error(`there is no button "${name}"`);
      b.focus();
      b.click();
      return b;
    } });
  } finally {
    a.remove();
    await sleep(0);
  }
}
/** Puts something in place of a property as long as `use` runs. */
async function instead(object, name, value, use) {
  const before = Object.getOwnPropertyDescriptor(object, name);
  Object.defineProperty(object, name, { value, configurable: true, writable: true });
  try {
    await use();
  } finally {
    if (before) Object.defineProperty(object, name, before);
    else Reflect.deleteProperty(object, name);
  }
}
const frames = async (n = 3) => {
  for (let i = 0; i < n; i++) await new Promise((resolve) => requestAnimationFrame(resolve));
};
const lines = Array.from({ length: 60 }, (_, i) => `line ${i}\n`);

/** The end of the answer is followed; a reader who has scrolled up is left alone. */
async function follows(t, setUp, where) {
  // The second answer stands still at its twentieth line until it is let go on.
  let goOn, left = Infinity;
  const held = new Promise((resolve) => (goOn = resolve));
  await withAnswer(t, { pieces: lines, setUp, next: () => (left-- > 0 ? sleep(0) : held) }, async ({ a, root }) => {
    await a.describe();
    await frames();
    const { top, bottom } = where(root);
    t.below(Math.abs(bottom() - top()), 80, 'the end is in view when the answer has ended');
    left = 21;
    const asked = a.ask('Again?'), turn = a.conversation[1];
    await until(() => turn.answer.includes('line 20'), 'the twentieth line');
    await frames();
    t.below(Math.abs(bottom() - top()), 80, 'and while it is made');
    where(root).scroll(0);
    await frames();
    goOn();
    await asked;
    await frames();
    t.equal(where(root).scrolled(), 0, 'a reader who went up stays there');
  });
}

export const tests = {
  'line breaks stay, markup is text, reasoning is apart': async (t) => withAnswer(t, { pieces: ['I thi', 'nk <i>hard', '</think>', '<b>A</b>\n', '\n<img src=x onerror=alert(1)> & so'], setUp: (a) => (a.generation = { think: true }) }, async ({ a, root }) => {
    const turn = await a.describe();
    t.equal([turn.thoughts, turn.answer], ['I think <i>hard', '<b>A</b>\n\n<img src=x onerror=alert(1)> & so']);
    const shown = root.querySelector('[part=answer-text]');
    t.equal([shown.textContent, shown.children.length, getComputedStyle(shown).whiteSpace.startsWith('pre')], [turn.answer, 0, true]);
    t.equal(root.querySelector('[part=thoughts] div').textContent, turn.thoughts);
    t.ok(!root.querySelector('[part=thoughts]').open);
  }),

  'the conversation follows the answer, where it scrolls inside': async (t) => follows(t, (a) => (a.style.blockSize = '420px'), (root) => {
    const log = root.querySelector('[role=log]');
    return { top: () => log.scrollTop + log.clientHeight, bottom: () => log.scrollHeight, scroll: (y) => (log.scrollTop = y), scrolled: () => log.scrollTop };
  }),

  'the conversation follows the answer, where the page scrolls': async (t) => follows(t, null, (root) => ({
    top: () => root.querySelector('.dock').getBoundingClientRect().top, bottom: () => root.querySelector('.end-mark').getBoundingClientRect().bottom, scroll: (y) => scrollTo(0, y), scrolled: () => Math.round(scrollY),
  })),

  'each answer is announced once, whole': async (t) => withAnswer(t, { pieces: ['One', ' two', ' three'] }, async ({ a, root }) => {
    const heard = [], voice = root.querySelector('[role=status].unseen');
    const observer = new MutationObserver(() => voice.textContent.startsWith('Answer') && heard.push(voice.textContent));
    observer.observe(voice, { childList: true, characterData: true, subtree: true });
    await a.describe();
    await until(() => heard.length, 'the announcement');
    await sleep(150); // one too many would come
    await a.retry();
    await until(() => heard.length > 1, 'the second announcement');
    await sleep(150);
    observer.disconnect();
    t.equal(heard, ['Answer: One two three', 'Answer: One two three']);
  }),

  'copied, with the old way where the new one is refused': async (t) => withAnswer(t, { pieces: ['One\ntwo'] }, async ({ a, root, press, find }) => {
    await a.describe();
    let copied = null;
    await instead(navigator, 'clipboard', { writeText: async (text) => void (copied = text) }, async () => {
      const button = press('Copy');
      await until(() => button.textContent === 'Copied', 'the button\'s word');
      t.equal(copied, 'One\ntwo');
    });
    await instead(navigator, 'clipboard', undefined, async () => instead(document, 'execCommand', () => false, async () => {
      await until(() => find('Copy'), 'the button\'s own name');
      press('Copy');
      await until(() => /does not allow copying/.test(root.querySelector('[part=problem]')?.textContent), 'the refusal');
      t.equal(root.querySelectorAll('textarea.unseen').length, 0);
    }));
  }),

  'saved under a name with the time': async (t) => withAnswer(t, { pieces: ['One'] }, async ({ a, root, press }) => {
    await a.describe();
    const saved = [], { createObjectURL } = URL, blobs = [];
    URL.createObjectURL = (blob) => (blobs.push(blob), createObjectURL.call(URL, blob));
    await instead(HTMLAnchorElement.prototype, 'click', function click() {
      saved.push(this.download);
    }, async () => {
      for (const format of ['As text', 'As Markdown', 'As JSON']) {
        press('Save');
        await sleep(0);
        press(format);
        t.ok(!root.querySelector('details.menu').open, 'the menu closes');
        t.equal(root.activeElement.tagName, 'SUMMARY', 'the focus goes back');
      }
    });
    URL.createObjectURL = createObjectURL;
    t.equal(saved.map((name) => /^conversation-\d{4}-\d\d-\d\d-\d\d-\d\d\.(txt|md|json)$/.exec(name)?.[1]), ['txt', 'md', 'json']);
    t.equal(await Promise.all(blobs.map((b) => b.text())).then((all) => all.slice(0, 2)), [a.toText(), a.toMarkdown()]);
  }),

  'read aloud, and silent again': async (t) => {
    const said = [];
    let cancelled = 0;
    class Utterance {
      constructor(text) {
        this.text = text;
      }
    }
    const fake = { speaking: true, speak: (u) => said.push(u), cancel: () => cancelled++ };
    await instead(window, 'SpeechSynthesisUtterance', Utterance, async () => instead(window, 'speechSynthesis', fake, async () => withAnswer(t, { pieces: ['Eins'], setUp: (a) => (a.lang = 'de') }, async ({ a, press, find, root }) => {
      await a.describe();
      press('Read aloud');
      await frames();
      t.equal([said[0].text, said[0].lang], ['Eins', 'de']);
      press('Stop reading');
      await frames();
      t.ok(cancelled === 1 && find('Read aloud'));
      press('Read aloud');
      said[1].onend();
      await frames();
      t.ok(find('Read aloud'), 'at the end of the text too');
      press('Read aloud');
      said[2].onerror({ error: 'voice-unavailable' });
      t.match(root.querySelector('[part=problem]').textContent, /no voice/);
    })));
  },

  'a camera that is refused, or not there': async (t) => withAnswer(t, { pieces: ['One'] }, async ({ root, press, find }) => {
    for (const [name, message] of [['NotAllowedError', /was not allowed/], ['NotFoundError', /No camera was found/], ['NotReadableError', /another program/]]) {
      await instead(navigator, 'mediaDevices', { getUserMedia: async () => Promise.reject(new DOMException('x', name)) }, async () => {
        press('Use the camera') ?? t.fail('no button');
        const dialog = root.querySelector('dialog');
        await until(() => message.test(dialog.textContent), `the words of ${name}`);
        t.ok(dialog.open && find('Take picture').disabled);
        press('Cancel');
        t.ok(!dialog.open);
      });
    }
  }),

  'a picture is taken, and the camera is off again': {
    unless: (env) => (env.browser === 'webkit' ? 'WebKitGTK plays no stream of a canvas here' : null),
    run: async (t) => withAnswer(t, { pieces: ['One'] }, async ({ a, root, press, find }) => {
      const canvas = Object.assign(document.createElement('canvas'), { width: 64, height: 48 }), context = canvas.getContext('2d');
      const timer = setInterval(() => context.fillRect(0, 0, 64, 48), 20);
      let stream;
      await instead(navigator, 'mediaDevices', { getUserMedia: async () => (stream = canvas.captureStream()), enumerateDevices: async () => [{ kind: 'videoinput', deviceId: 'a' }, { kind: 'audioinput', deviceId: 'b' }] }, async () => {
        press('Use the camera');
        await until(() => find('Take picture')?.disabled === false, 'the camera');
        press('Take picture');
        await until(() => a.pictures.length > 1, 'the picture');
      });
      clearInterval(timer);
      t.match(a.pictures[1].name, /^Photo \d+\.jpg$/);
      t.equal([a.pictures[1].width, a.pictures[1].height, a.pictures[1].file.type], [64, 48, 'image/jpeg']);
      t.equal(stream.getTracks().map((track) => track.readyState), ['ended']);
      t.ok(!root.querySelector('dialog').open);
    }),
  },
};
