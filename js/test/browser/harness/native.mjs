// What the native program says, for the suites to compare with: made at test time by build/galago on the CPU, greedy.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { root } from './server.mjs';

const samples = ['models/demo/samples/shapes-1.png', 'models/demo/samples/shapes-2.png', 'models/demo/samples/shapes-3.png'];
const images = (names) => names.map((name) => `tests/data/images/${name}`);

// One of each form that changes how pixels come to be: bit depth, palette, interlacing, alpha, orientation, animation.
const pictures = [
  ...samples,
  ...images(['png_rgb8.png', 'png_rgba8.png', 'png_grey8.png', 'png_palette4_interlaced.png', 'png_rgb16.png', 'png_1x1.png', 'bmp_24.bmp',
    'bmp_rle8.bmp', 'gif_palette.gif', 'gif_animation.gif', 'jpeg_444.jpg', 'jpeg_420.jpg', 'jpeg_progressive.jpg', 'jpeg_exif_6.jpg',
    'jpeg_grey.jpg', 'webp_lossless.webp', 'webp_lossy.webp']),
  'tests/data/demo_eval/004.png', 'tests/data/demo_eval/007.png',
];

export const describe = 'Describe this image.';
// Sums of 8-bit products are rounded differently in different vector units, so of two words that are equally likely one host
// says this and another that. Pictures of which the description holds such a pair are asked about in other words.
const LEAD = 0.1;
const otherWords = { 'png_rgba8.png': 'What is in the picture?', 'jpeg_420.jpg': 'What is in the picture?', 'jpeg_progressive.jpg': 'What is in the picture?', 'webp_lossy.webp': 'What is in the picture?' };
export const cases = [
  ...pictures.map((picture) => ({ images: [picture], prompt: otherWords[path.basename(picture)] ?? describe })),
  { images: [samples[0]], prompt: 'How many shapes are there?' },
  { images: [samples[1]], prompt: 'What colour is the star?' },
  { images: [samples[0], samples[1]], prompt: describe },
  { images: samples, prompt: 'How many shapes are there?' },
  { images: [], prompt: 'How many shapes are there?' },
];

const galago = path.join(root, process.env.BUILD ?? 'build', 'galago');
export const missing = () => (existsSync(galago) ? null : `${galago} is not built: run make`);

// [{ images, prompt, max_tokens, text, token_ids, prompt_tokens, image_tokens, finish_reason }]
export function expectations() {
  return cases.map((c) => {
    const max_tokens = c.max_tokens ?? 40;
    const out = execFileSync(galago, ['run', '--device', 'cpu', '--quiet', '--json', '--logprobs', '2', '--max-tokens', String(max_tokens), '--prompt', c.prompt,
      ...c.images.flatMap((image) => ['--image', path.join(root, image)])], { encoding: 'utf8' });
    const { text, token_ids, prompt_tokens, image_tokens, finish_reason, logprobs } = JSON.parse(out);
    const lead = Math.min(...logprobs.map(([[, first], [, second]]) => first - second));
    if (lead < LEAD) throw new Error(`${c.images.join()}: '${c.prompt}': a word of '${text}' leads by ${lead.toFixed(3)} nats only, and hosts may differ in it; ask in other words`);
    return { ...c, max_tokens, text, token_ids, prompt_tokens, image_tokens, finish_reason };
  });
}
