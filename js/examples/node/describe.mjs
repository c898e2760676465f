// node describe.mjs PICTURE... describes pictures, in Node.js 20 or newer.
import { pipeline } from 'galago';

const pictures = process.argv.slice(2);
if (!pictures.length) {
  console.error('usage: node describe.mjs PICTURE...');
  process.exit(1);
}
const vl = await pipeline('image-to-text', 'demo'); // the GPU with the npm package `webgpu`, else the CPU
for (const picture of pictures) {
  for await (const piece of vl.stream(picture, { prompt: 'Describe this image.' })) process.stdout.write(piece);
  process.stdout.write('\n');
}
await vl.dispose();
