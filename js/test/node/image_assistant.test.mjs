// The parts of <galago-image-assistant> that need no page: saving a conversation, alt texts, texts with values.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { altText, cleanAlt, escapeAttribute, escapeMarkdown, splitThoughts, toJSON, toMarkdown, toText } from '../../build/elements/image_assistant_export.js';
import { endsAsPng, foreign } from '../../build/elements/image_assistant_pictures.js';
import { english, fill, Numbers } from '../../build/elements/image_assistant_texts.js';
import { image, read, sample } from './lib.mjs';

const file = new File(['12345'], 'a cat*.png', { type: 'image/png' });
const picture = { id: 1, name: file.name, file, width: 3, height: 2, url: 'blob:x' };
const turn = (more) => ({ id: 1, kind: 'ask', question: 'What?', pictures: [], answer: 'A cat.', thoughts: '', state: 'done', error: null, figures: null, alt: null, ...more });
const words = { you: 'You', answer: 'Answer', pictures: (t) => t.pictures.map((p) => p.name).join(', '), note: (t) => (t.state === 'stopped' ? 'Stopped.' : '') };

export const tests = {
  'text: questions, pictures, answers, line breaks kept': () => {
    assert.equal(toText([], words), '');
    assert.equal(toText([turn({ pictures: [picture] }), turn({ question: 'And\r\nthen?', answer: 'One\n\nTwo ', state: 'stopped' })], words),
      'You: What?\na cat*.png\nAnswer: A cat.\n\nYou: And\nthen?\nAnswer: One\n\nTwo\nStopped.\n');
  },
  'Markdown: what people typed is text, what the model wrote stays as it is': () => {
    assert.equal(toMarkdown([turn({ question: '1. is *this*\n# <b>?', pictures: [picture], answer: '**A** cat\n- one' })], words),
      '## 1\\. is \\*this\\* \\# \\<b\\>?\n\n*a cat\\*.png*\n\n**A** cat\n- one\n');
    assert.equal(escapeMarkdown('- a\n  + b\nc - d'), '\\- a\n  \\+ b\nc - d');
  },
  'Markdown: alt text in a fence that its own backticks do not end': () => {
    const md = toMarkdown([turn({ alt: { plain: 'x', html: '<img src="a```b.png" alt="x">' } })], words);
    assert(md.includes('````html\n<img src="a```b.png" alt="x">\n````'), md);
  },
  'JSON: can be read again, without ids of tokens and without the files': () => {
    const figures = { text: 'A cat.', finish_reason: 'stop', token_ids: [1, 2], prompt_tokens: 5, completion_tokens: 2, image_tokens: 4, reused_tokens: 0, timings: { first_token_ms: 3 }, memory: {}, device: { type: 'cpu' } };
    const saved = new Date('2026-01-02T03:04:05Z');
    const read = JSON.parse(toJSON([turn({ pictures: [picture], figures }), turn({ state: 'failed', error: new Error('no memory'), answer: '' })], { model: 'demo', saved }));
    assert.equal(read.format, 'galago-conversation');
    assert.equal(read.saved, '2026-01-02T03:04:05.000Z');
    assert.deepEqual(read.turns[0].pictures, [{ name: 'a cat*.png', type: 'image/png', size: 5, width: 3, height: 2 }]);
    assert.equal(read.turns[0].figures.token_ids, undefined);
    assert.equal(read.turns[0].figures.timings.first_token_ms, 3);
    assert.equal(read.turns[1].error, 'no memory');
  },
  'alt text: one line, no quotation marks, no label, no marks': () => {
    assert.equal(cleanAlt('  "A red\n ring."  '), 'A red ring.');
    assert.equal(cleanAlt('**Alt text:** A *b*'), 'A *b*');
    assert.equal(cleanAlt('Alt-Text: „Ein Ring.“'), 'Ein Ring.');
    assert.equal(cleanAlt('"Stop" and "go"'), '"Stop" and "go"');
    assert.equal(cleanAlt('‘It’s red’'), '‘It’s red’');
    assert.equal(cleanAlt('"'), '"');
    assert.equal(cleanAlt(''), '');
  },
  'the HTML is safe whatever the answer and the name are': () => {
    assert.equal(escapeAttribute(`<a> & "b" 'c'`), `&lt;a&gt; &amp; &quot;b&quot; 'c'`);
    assert.equal(altText('A "sign" & <b>', 'my "cat" 50%.png').html, '<img src="my%20%22cat%22%2050%25.png" alt="A &quot;sign&quot; &amp; &lt;b&gt;">');
  },
  'reasoning is told from the answer, also while it is made': () => {
    assert.deepEqual(splitThoughts('a</think>b', false), { thoughts: '', answer: 'a</think>b' });
    assert.deepEqual(splitThoughts('<think>\nIt is', true), { thoughts: 'It is', answer: '' });
    assert.deepEqual(splitThoughts('It is\n</think>\n\nRed.', true), { thoughts: 'It is', answer: 'Red.' });
  },
  'files that no browser shows are known by their beginning; whole PNGs by their end': () => {
    const bytes = (text) => Uint8Array.from(text, (c) => c.charCodeAt(0));
    assert.equal(foreign(bytes('\0\0\0\x18ftypheic')), 'heic');
    assert.equal(foreign(bytes('\0\0\0\x18ftypavif')), null);
    assert.equal(foreign(bytes('\0\0\0\x18ftypmp42')), 'notPicture');
    assert.equal(foreign(bytes('MM\0*')), 'tiff');
    assert.equal(foreign(bytes('%PDF-1.4')), 'notPicture');
    const view = (b) => new DataView(Uint8Array.from(b).buffer), png = read(sample(1));
    for (const name of readdirSync(image('.')).filter((f) => /^png_.*\.png$/.test(f))) assert(endsAsPng(view(read(image(name)))), name);
    assert(endsAsPng(view([...png, 1, 2, 3])), 'with something behind it');
    for (const n of [0, 8, 300, png.length - 1]) assert(!endsAsPng(view(png.subarray(0, n))), `cut at ${n}`);
  },
  'the module can be imported where there are no elements': async () => {
    const { GalagoImageAssistant } = await import('../../dist/image-assistant.js');
    assert.equal(typeof GalagoImageAssistant, 'function');
  },
  'texts: values are filled in, what is unknown stays; numbers in the reader\'s language': () => {
    assert.equal(fill(english.removed, { name: 'a {name}.png' }), 'a {name}.png removed');
    assert.equal(fill('{a} {b}', { a: 0 }), '0 {b}');
    assert.equal(new Numbers('en').bytes(999), '999 bytes');
    assert.equal(new Numbers('en').bytes(1_540_000), '1.5 MB');
    assert.equal(new Numbers('de').bytes(1_540_000), '1,5 MB');
    assert.equal(new Numbers('no such tag!').percent(0.5), new Numbers(undefined).percent(0.5));
    for (const [key, text] of Object.entries(english)) assert(text && !/[!]$/.test(text), key);
  },
};
