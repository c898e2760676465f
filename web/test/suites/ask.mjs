// Asking about pictures, as people do it: from the first visit on.
import { readFileSync } from 'node:fs';
import { addSample, answered, catchFiles, caught, listen, open, pictures, question, said, turns, waiting } from '../ask.mjs';
import { data, sample, words } from '../native.mjs';

const LONG = 'Describe this image.';

/** Drops or pastes files, as the browser does it after a real drop or paste. */
async function give(page, how, files) {
  const list = files.map((f) => ({ name: f.split('/').pop(), bytes: readFileSync(f).toString('base64') }));
  await page.evaluate(([kind, given]) => {
    const transfer = new DataTransfer();
    for (const { name, bytes } of given) transfer.items.add(new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], name, { type: 'image/png' }));
    const target = kind === 'paste' ? document.body : document.querySelector('galago-image-assistant');
    const options = { bubbles: true, cancelable: true, composed: true };
    if (kind === 'paste') {
      // (Firefox takes no files into an event that a page makes.)
      target.dispatchEvent(Object.defineProperty(new ClipboardEvent('paste', options), 'clipboardData', { value: transfer }));
      return;
    }
    for (const type of ['dragenter', 'dragover', 'drop']) target.dispatchEvent(new DragEvent(type, { ...options, dataTransfer: transfer }));
  }, [how, list]);
}

export const tests = {
  'the first visit: a sample, and its description': {
    seconds: 150,
    run: async (t) => {
      const page = await open(t);
      await listen(page);
      await addSample(page);
      await page.click('button', '^Describe$');
      const turn = await answered(page);
      t.equal([turn.state, turn.answer], ['done', words(sample(1))]);
      await page.see('[part~=answer-text]', words(sample(1)).slice(0, 40).replace(/[^\w ]/g, '.'));
      await page.until(() => globalThis.said.some((s) => s.startsWith('Answer')), undefined, { what: 'the answer spoken' });
      t.equal((await said(page)).filter((s) => s.includes(words(sample(1)))).length, 1, 'the whole answer is spoken once');
      t.equal(page.complaints, []);
      await page.screenshot(`${t.env.shots}/answer-${t.env.browser}.png`);
    },
  },

  'chosen, dropped, pasted': {
    seconds: 150,
    run: async (t) => {
      const page = await open(t);
      await page.files('input[type=file]:not([capture])', [sample(2)]);
      await waiting(page, 1);
      await page.click('button', '^Describe$');
      t.equal((await answered(page)).answer, words(sample(2)));
      await give(page, 'drop', [sample(3)]);
      await waiting(page, 1);
      await give(page, 'paste', [sample(1)]);
      await waiting(page, 2);
      t.equal((await pictures(page)).length, 2);
      await page.click('button', '^Describe$');
      const turn = await answered(page, 2);
      t.equal([turn.state, turn.pictures.length, turn.answer.length > 0], ['done', 2, true]);
    },
  },

  'several pictures, and one taken away': {
    seconds: 150,
    run: async (t) => {
      const page = await open(t);
      await give(page, 'drop', [sample(1), sample(2), sample(3)]);
      await waiting(page, 3);
      await page.click('button', 'remove shapes-3');
      await waiting(page, 2);
      t.equal(await pictures(page), ['shapes-1.png', 'shapes-2.png']);
      await page.click('button', '^Describe$');
      t.equal((await answered(page)).answer, words([sample(1), sample(2)], 'Describe these images.'));
      await page.click('button', '^Clear$');
      await page.see('button', 'choose pictures');
      await page.click('button', '^Undo$');
      t.equal((await turns(page)).length, 1);
    },
  },

  'what is no picture is refused in words': {
    seconds: 60,
    run: async (t) => {
      const page = await open(t);
      await give(page, 'drop', [data('bad_text.txt')]);
      await page.see('[part~=problem]', 'bad_text');
      const before = page.complaints.length;
      t.ok(before < 3, page.complaints.join());
      await page.click('[part~=problem] button');
      await page.gone('[part~=problem]');
      await addSample(page);
      t.equal((await pictures(page)).length, 1);
    },
  },

  'a conversation: asked, stopped, repeated, edited': {
    seconds: 200,
    run: async (t) => {
      const page = await open(t);
      await addSample(page);
      await question(page, 'How many shapes are there?');
      t.equal((await answered(page)).answer, words(sample(1), 'How many shapes are there?'));
      await page.click('button', 'answer again');
      t.equal((await answered(page)).answer, words(sample(1), 'How many shapes are there?'), 'again');
      await page.click('button', '^Edit$');
      await page.press('Control+a');
      await page.type(LONG);
      await page.click('button', 'ask this instead');
      await page.until(() => document.querySelector('galago-image-assistant').conversation.length === 1, undefined, { what: 'one turn' });
      t.equal((await answered(page)).answer, words(sample(1)), 'edited');
      // A follow-up, stopped at its first words.
      await page.evaluate(() => {
        const element = document.querySelector('galago-image-assistant');
        const look = () => {
          const turn = element.conversation[1];
          if (!turn || turn.state === 'waiting') return requestAnimationFrame(look);
          if (turn.state === 'answering') element.shadowRoot.querySelector('[part~=stop]').click();
        };
        look();
      });
      await question(page, LONG);
      const stopped = await answered(page, 2);
      if (stopped.state === 'stopped') await page.see('.note', 'stopped');
      t.ok(['stopped', 'done'].includes(stopped.state), stopped.state);
      t.note('stopped', stopped.state);
      await page.click('button', 'try again|answer again');
      t.equal((await answered(page, 2)).state, 'done');
      // The demo model is asked each question by itself, about the picture that is there.
      for (const [i, text] of ['Which shape is green?', 'How many shapes are there?'].entries()) {
        await question(page, text);
        t.equal((await answered(page, 3 + i)).answer, words(sample(1), text));
      }
    },
  },

  'copied and saved': {
    seconds: 150,
    run: async (t) => {
      const page = await open(t);
      await catchFiles(page);
      await page.evaluate(() => {
        // Browsers without a person before them refuse the clipboard: what would be put there is looked at.
        globalThis.copied = [];
        Object.defineProperty(navigator, 'clipboard', { configurable: true, value: { writeText: async (text) => void globalThis.copied.push(text) } });
      });
      await addSample(page);
      await page.click('button', '^Describe$');
      await answered(page);
      await page.click('button', '^Copy$');
      await page.until(() => globalThis.copied.length === 1, undefined, { what: 'the copy' });
      t.equal(await page.evaluate(() => globalThis.copied[0].trim()), words(sample(1)));
      for (const [i, kind] of ['as text', 'as markdown', 'as json'].entries()) {
        await page.click('button, summary', '^Save');
        await page.click('button, [role=menuitem]', kind);
        await caught(page, i + 1);
      }
      const files = await page.evaluate(() => globalThis.files);
      t.equal(files.map((f) => f.name.split('.').pop()), ['txt', 'md', 'json']);
      t.match(files[0].text, /You: Describe this image\./);
      t.ok(files.every((f) => f.text.includes(words(sample(1)).slice(0, 30))), 'each file holds the answer');
      const json = JSON.parse(files[2].text);
      t.equal([json.format, json.turns.length, json.turns[0].answer.trim(), json.turns[0].pictures[0].width > 0], ['galago-conversation', 1, words(sample(1)), true]);
    },
  },

  'an alt text, ready to be pasted': {
    seconds: 150,
    run: async (t) => {
      const page = await open(t);
      await addSample(page);
      await page.click('button', '^Alt text$');
      const turn = await answered(page);
      t.equal(turn.kind, 'alt');
      t.ok(turn.alt.plain.length > 3 && turn.alt.html.startsWith('<img src="') && turn.alt.html.endsWith('">'), JSON.stringify(turn.alt));
      await page.see('[part~=alt] code', 'img src');
    },
  },

  'without WebGPU the CPU answers, and who asks for the GPU is told': {
    seconds: 150,
    run: async (t) => {
      const page = await open(t);
      t.ok(await page.evaluate(async () => !(await navigator.gpu?.requestAdapter().catch(() => null))), 'this browser has no WebGPU');
      const choose = (device) => page.evaluate((d) => localStorage.setItem('galago.settings', JSON.stringify({ device: d })), device);
      await choose('gpu');
      await page.reload();
      await page.see('[part~=sample]');
      await page.click('[part~=sample]');
      await page.see('.ask-model.error', '', { seconds: 60 });
      t.note('said where there is no WebGPU', await page.text('.ask-model.error p'));
      await choose('auto');
      await page.reload();
      await addSample(page);
      await page.click('button', '^Describe$');
      t.equal((await answered(page)).answer, words(sample(1)));
    },
  },

  'on a phone, by touch': {
    seconds: 150,
    run: async (t) => {
      const page = await open(t, { width: 390, height: 844, touch: t.env.browser === 'chromium' });
      await addSample(page, 1);
      await page.click('button', '^Describe$');
      t.equal((await answered(page)).state, 'done');
      await page.screenshot(`${t.env.shots}/answer-phone-${t.env.browser}.png`);
      const [wide, inner] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      t.ok(wide <= inner, `${wide} px in ${inner}`);
    },
  },

  'by the keyboard alone': {
    seconds: 150,
    run: async (t) => {
      const page = await open(t);
      const name = `(() => { let e = document.activeElement; while (e?.shadowRoot?.activeElement) e = e.shadowRoot.activeElement; return e?.matches('[part~=sample]') ? 'sample' : e?.id === 'question' ? 'question' : e?.textContent.trim() || e?.tagName || ''; })()`;
      const to = async (wanted) => {
        for (let i = 0; i < 60; i++) {
          if (new RegExp(wanted).test(await page.driver.evaluate(name))) return;
          await page.press('Tab');
        }
        t.fail(`Tab never came to ${wanted}`);
      };
      await to('^sample$');
      await page.press('Enter');
      await waiting(page, 1);
      await page.until(() => document.querySelector('galago-image-assistant').shadowRoot.activeElement?.id === 'question', undefined, { what: 'the focus in the question' });
      await page.type('How many shapes are there?');
      await page.press('Enter');
      t.equal((await answered(page)).answer, words(sample(1), 'How many shapes are there?'));
      await page.until(() => document.querySelector('galago-image-assistant').shadowRoot.activeElement?.id === 'question', undefined, { what: 'the focus in the question again' });
    },
  },
};
