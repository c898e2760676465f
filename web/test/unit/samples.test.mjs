// What a newcomer tries first: the demo model answers rightly, by the native program. (That the page says the same is the suites' matter.)
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { words } from '../native.mjs';
import { root } from '../serve.mjs';
import { bundle } from './bundle.mjs';

const { SAMPLES } = await bundle('samples.ts');
const file = (name) => [`web/samples/${name}.png`, `models/demo/samples/${name}.png`].map((p) => path.join(root, p)).find(existsSync);
/** What there is to be seen, by eye. The first is the button "Describe". */
const RIGHT = {
  'shapes-1': ['An orange square, a blue square, a green hexagon, a purple diamond, a red ring and a pink heart.', '6', 'hexagon', 'red'],
  receipt: ['A receipt from Grace Supply, dated 08/25/2017, with one item and a total of 149.85.', '149.85', '08/25/2017', '{"date": "08/25/2017", "total": "149.85"}'],
  emoji: ['Two taxis and three peaches.', '2', 'There is no banana in the picture.', '{"taxi": 2, "peach": 3}'],
  chart: ['A bar chart with three bars; Jan is the largest with 7.', 'Jan', '5', '{"Jan": 7, "Feb": 5, "Mar": 2}'],
};

for (const [name, ...questions] of SAMPLES) {
  test(`what is offered about ${name} is answered rightly`, () => {
    assert.deepEqual([words(file(name)), ...questions.map((q) => words(file(name), q))], RIGHT[name]);
  });
}

test('the text of the receipt is read', () => {
  assert.equal(words(file('receipt'), 'Read the text in this image.'), 'Grace Supply\nDate 08/25/2017\nProportionals 149.85\nTOTAL 149.85\nPayment gift card');
});

test('the built page has each sample', () => {
  for (const [name] of SAMPLES) assert.ok(existsSync(path.join(root, 'build/web-test/samples', `${name}.png`)), name);
});
