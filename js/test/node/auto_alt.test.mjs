// The parts of autoAlt and of the extension's example that need no page: lengths, file names, prompts, hosts.
import assert from 'node:assert/strict';
import { isFileName, promptFor, shorten } from '../../build/elements/auto_alt_text.js';
import { isPrivate } from '../../examples/extension/src/picture.mjs';
import { host, hosts } from '../../examples/extension/src/sites.mjs';

export const tests = {
  'a text is one line of at most so many characters, cut after a sentence or a word': () => {
    const cases = [
      [' A cat\n\n on a  mat. ', 125, 'A cat on a mat.'], ['"A cat."', 125, 'A cat.'], ['He said "no" and "yes"', 125, 'He said "no" and "yes"'], ['<think>a dog?\n</think>\n\nA cat.', 125, 'A cat.'], ['', 125, ''],
      ['A cat sits on a mat. It sleeps.', 25, 'A cat sits on a mat.'], ['One. Two is a very long sentence that goes on', 30, 'One. Two is a very long…'],
      ['Version 3.5 is on the sign that hangs there', 23, 'Version 3.5 is on the…'], ['The sign says 3.5 per cent', 16, 'The sign says…'], ['Boats, red ones, and more of them', 18, 'Boats, red ones…'],
      ['日本語の長い文章がここにあります。さらに続く文章がここにあります。', 20, '日本語の長い文章がここにあります。'], ['x'.repeat(40), 20, `${'x'.repeat(19)}…`], ['😀'.repeat(30), 22, `${'😀'.repeat(10)}…`],
    ];
    for (const [text, max, expected] of cases) assert.equal(shorten(text, max), expected, text);
    for (let max = 20; max < 200; max++) assert.ok(shorten('Some words of quite different lengths, cut. '.repeat(9), max).length <= max);
  },
  'file names are known from words': () => {
    for (const name of ['IMG_1234.jpg', 'image', 'Photo', 'picture 3', 'DSC00012', 'PXL_20240501_101010', 'IMG-20210101-WA0001', 'my holiday photo.jpg', 'Screenshot 2024-05-01.png', 'hero_2x', 'hero_2x.png']) assert.ok(isFileName(name, 'https://a.example/b/hero_2x.png?c'), name);
    for (const words of ['', 'Sunset', 'A', 'P', 'Image of a boat', 'Photo: Anna', 'Chart 2020', 'How to open a file.png in four steps', 'hero', 'A screenshot that shows settings']) assert.ok(!isFileName(words, 'https://a.example/hero.png'), words);
    assert.ok(!isFileName('100%', 'https://a.example/100%.png'));
  },
  'the demo model is asked as it learnt it, others in the page\'s language': () => {
    assert.equal(promptFor('demo', undefined, 'de'), 'Describe this image.');
    assert.match(promptFor('owner/name', undefined, 'pt-BR'), /alternative text.* Answer in Brazilian Portuguese\.$/);
    assert.equal(promptFor('owner/name', 'What is it?', 'en-GB'), 'What is it?');
    assert.equal(promptFor('owner/name', 'What is it?', 'no such thing'), 'What is it?');
  },
  'hosts of the own network': () => {
    for (const name of ['localhost', 'printer', 'nas.local', 'x.internal', '127.0.0.1', '10.1.2.3', '172.16.0.1', '172.31.9.9', '192.168.1.1', '169.254.1.1', '100.64.0.1', '0.0.0.0', '[::1]', '[fe80::1]', '[fd00::1]', '[::ffff:10.0.0.1]', 'localhost.']) assert.ok(isPrivate(name), name);
    for (const name of ['example.org', '8.8.8.8', '172.32.0.1', '192.169.1.1', '100.128.0.1', '[2001:db8::1]', 'local.example.org', 'fd.example']) assert.ok(!isPrivate(name), name);
  },
  'sites as people write them': () => {
    assert.deepEqual(['News.example.org', 'https://a.example/path?q', '*.b.example', 'c.example:8080', 'bücher.example', 'a b', '*', 'x*.example', ''].map(host),
      ['news.example.org', 'a.example', '*.b.example', 'c.example', 'xn--bcher-kva.example', '', '', '', '']);
    assert.deepEqual(hosts(['b.example', 'a.example', 'https://b.example']), ['a.example', 'b.example']);
  },
};
