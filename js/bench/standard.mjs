// What the standard measurements are made of, the same as in cli/cmd_bench.c: the text, the picture, the question.

/** Tokens that are decoded, and the picture's side in pixels. */
export const DECODE_TOKENS = 128, SIDE = 448;
export const QUESTION = 'Look at the picture and tell me in one short sentence what it shows, which colours are the strongest in it, and ' +
  'whether there is anything written on it that I should know about.';

export const median = (values) => {
  const v = [...values].sort((a, b) => a - b), n = v.length;
  return n % 2 ? v[n >> 1] : 0.5 * (v[n / 2 - 1] + v[n / 2]);
};

// Text of exactly n tokens in every Qwen tokenizer: digits are tokens of their own.
export function digits(n) {
  let x = 12345, text = '';
  for (let i = 0; i < n; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    text += String((x >>> 24) % 10);
  }
  return text;
}

// Smooth colours with edges, the same in every host: r = 5x + 3y, g = xy / 8, b = 2 (x xor y), each modulo 256.
export function picture() {
  const data = new Uint8ClampedArray(4 * SIDE * SIDE);
  for (let y = 0, at = 0; y < SIDE; y++)
    for (let x = 0; x < SIDE; x++, at += 4) {
      data[at] = (5 * x + 3 * y) & 255;
      data[at + 1] = ((x * y) >> 3) & 255;
      data[at + 2] = ((x ^ y) * 2) & 255;
      data[at + 3] = 255;
    }
  return { data, width: SIDE, height: SIDE };
}
