import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bundle } from './bundle.mjs';

const { csv, jsonl, tabbed, plain } = await bundle('views/batch_export.ts');
const figures = {
  model: 'demo.gguf', device: 'cpu', finish_reason: 'stop', prompt_tokens: 87, completion_tokens: 2, image_tokens: 64, token_ids: [5, 6],
  timings: { decode_ms: 3 }, memory: { weights_bytes: 4 },
};
const row = (more = {}) => ({ id: 1, name: 'a.png', size: 10, type: 'image/png', state: 'done', answer: 'A ring.', prompt: 'What?', seconds: 1.23456, figures, ...more });

/** RFC 4180, so that what is written is read back by rules, not by eye. */
function parse(text) {
  const lines = [[]];
  let at = 0;
  while (at < text.length) {
    let value = '';
    if (text[at] === '"') {
      for (at++; ; at++) {
        if (text[at] !== '"') value += text[at];
        else if (text[at + 1] === '"') value += text[at++];
        else break;
      }
      at++;
    } else {
      while (at < text.length && text[at] !== ',' && !text.startsWith('\r\n', at)) {
        assert.ok(!'"\r\n'.includes(text[at]), 'a quote or line end stands outside of quotes');
        value += text[at++];
      }
    }
    lines.at(-1).push(value);
    if (text[at] === ',') at++;
    else {
      assert.ok(text.startsWith('\r\n', at), 'a line ends with CR LF');
      at += 2;
      if (at < text.length) lines.push([]);
    }
  }
  return lines;
}

test('csv is read back as it was', () => {
  const answers = ['plain', 'with, comma', 'a "quote"', 'two\nlines', 'two\r\nlines', ' padded ', 'ümläut 猿', ''];
  const text = [...csv(answers.map((answer) => row({ answer })))].join('');
  assert.ok(text.startsWith('\ufeff'));
  const [head, ...lines] = parse(text.slice(1));
  assert.deepEqual(lines.map((line) => line[head.indexOf('text')]), answers);
  assert.ok(lines.every((line) => line.length === head.length));
  assert.equal(lines[0][head.indexOf('seconds')], '1.235');
  assert.equal(lines[0][head.indexOf('model')], 'demo.gguf');
});

test('csv of a row without answer', () => {
  const [head, line] = parse([...csv([row({ state: 'failed', answer: '', error: 'no "picture"', figures: undefined, seconds: undefined, prompt: undefined })])].join('').slice(1));
  assert.deepEqual(Object.fromEntries(head.map((name, i) => [name, line[i]])), {
    image: 'a.png', text: '', state: 'failed', error: 'no "picture"', prompt: '', seconds: '', size_bytes: '10', edited: 'no', model: '', device: '',
    finish_reason: '', prompt_tokens: '', completion_tokens: '',
  });
});

test('no cell is a formula', () => {
  for (const text of ['=1+1', '+1', '-2', '@SUM(A1)', '\t=1', '\r=1', '  =1', '\n=1', '＝1', '－1', '\u0000=1']) assert.equal(plain(text), `'${text}`, JSON.stringify(text));
  for (const text of ['A ring - red', 'a=b', "'=1", '1+1', '']) assert.equal(plain(text), text);
  const [, line] = parse([...csv([row({ name: '=cmd|x!A1.png', answer: '-5 °C', prompt: '@me' })])].join('').slice(1));
  assert.deepEqual(line.slice(0, 2), ["'=cmd|x!A1.png", "'-5 °C"]);
  assert.ok(line.includes("'@me"));
});

test('jsonl has the fields of the command line', () => {
  const lines = [...jsonl([row(), row({ answer: 'Mine.', made: 'A ring.' }), row({ state: 'failed', answer: '', error: 'bad', figures: undefined }), row({ state: 'waiting', answer: '', figures: undefined })])];
  assert.ok(lines.every((line) => line.endsWith('\n') && line.indexOf('\n') === line.length - 1));
  const [whole, edited, failed, waiting] = lines.map((line) => JSON.parse(line));
  assert.deepEqual(whole, { image: 'a.png', text: 'A ring.', ...figures, state: 'done', prompt: 'What?', seconds: 1.235, size_bytes: 10 });
  assert.deepEqual([edited.text, edited.edited, edited.made_text], ['Mine.', true, 'A ring.']);
  assert.deepEqual([failed.error, 'text' in failed, failed.state], ['bad', false, 'failed']);
  assert.equal(waiting.state, 'waiting');
});

test('tabbed is one line for each answer', () => {
  assert.equal([...tabbed([row({ answer: 'two\nlines\t!' }), row({ state: 'waiting' }), row({ name: '=a', answer: '+b' })])].join(''), "a.png\ttwo lines !\n'=a\t'+b\n");
});
