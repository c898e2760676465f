// Every form in which a picture can be given, and those in which it cannot.
import assert from 'node:assert/strict';
import { openAsBlob, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { decodePng } from '../../build/png.js';
import { demo, folder, image, read, refused, sample, words } from './lib.mjs';

const says = async (input, options) => (await (await demo())(input, options))[0].generated_text;
const bytes = read(sample(1));

export const tests = {
  'paths, absolute and relative': async () => {
    assert.equal(await says(sample(1)), words[1]);
    assert.equal(await says(path.relative(process.cwd(), sample(1))), words[1]);
  },
  'file: URL, as URL and as string': async () => {
    assert.equal(await says(pathToFileURL(sample(1))), words[1]);
    assert.equal(await says(pathToFileURL(sample(1)).href), words[1]);
  },
  'http URL': async () => {
    const server = createServer((q, a) => (q.url === '/a.png' ? a.end(bytes) : a.writeHead(404).end())).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const base = `http://127.0.0.1:${server.address().port}`;
    try {
      assert.equal(await says(`${base}/a.png`), words[1]);
      await refused(says(`${base}/b.png`), 'network', /b\.png: the server answered 404/);
    } finally {
      server.close();
    }
    await refused(says(`${base}/a.png`), 'network', /cannot be fetched: .*ECONNREFUSED/);
  },
  'data: URL and base64': async () => {
    assert.equal(await says(`data:image/png;base64,${bytes.toString('base64')}`), words[1]);
    assert.equal(await says(bytes.toString('base64')), words[1]);
  },
  'Buffer, Uint8Array, ArrayBuffer; they stay whole': async () => {
    const before = Buffer.from(bytes);
    assert.equal(await says(bytes), words[1]);
    assert.equal(await says(new Uint8Array(bytes)), words[1]);
    assert.equal(await says(new Uint8Array(bytes).buffer), words[1]);
    assert(before.equals(bytes));
  },
  'Blob, File, a file as Blob, blob: URL': async () => {
    assert.equal(await says(new Blob([bytes])), words[1]);
    assert.equal(await says(new File([bytes], 'a.png')), words[1]);
    assert.equal(await says(await openAsBlob(sample(1))), words[1]);
    const url = URL.createObjectURL(new Blob([bytes]));
    assert.equal(await says(url), words[1]);
    URL.revokeObjectURL(url);
  },
  'pixels with three and four channels': async () => {
    const { data, width, height } = await decodePng(bytes);
    assert.equal(await says({ data, width, height, channels: 3 }), words[1]);
    const four = new Uint8ClampedArray(width * height * 4).fill(255);
    for (let i = 0; i < width * height; i++) for (let c = 0; c < 3; c++) four[4 * i + c] = data[3 * i + c];
    assert.equal(await says({ data: four, width, height }), words[1]);
  },
  'JPEG, WebP, GIF and BMP': async () => {
    for (const name of ['jpeg_420.jpg', 'jpeg_progressive.jpg', 'jpeg_grey.jpg', 'jpeg_exif_6.jpg', 'webp_lossy.webp', 'gif_palette.gif', 'bmp_24.bmp'])
      assert(await says(image(name), { max_new_tokens: 3 }), name);
  },
  'no such file, a folder, an empty file, text': async () => {
    const dir = folder(), empty = path.join(dir, 'empty.png');
    writeFileSync(empty, '');
    await refused(says(path.join(dir, 'none.png')), 'io', /none\.png cannot be read: there is no such file/);
    await refused(says(dir), 'io', /it is a folder/);
    await refused(says(empty), 'format', /no bytes/);
    await refused(says(image('bad_text.txt')), 'format', /neither PNG, JPEG, WebP, GIF nor BMP.*This is not/);
    await refused(says('data:image/png;base64'), 'format', /no comma/);
    await refused(says(''), 'argument', /empty string/);
    await refused(says(17), 'argument', /a number/);
  },
  'damaged files': async () => {
    for (const name of ['bad_jpeg_cut.jpg', 'bad_png_cut.png', 'bad_webp_cut.webp', 'bad_gif_cut.gif', 'bad_bmp_cut.bmp', 'bad_png_crc.png'])
      await refused(says(image(name)), 'format');
    await refused(says(image('bad_png_no_end.png')), 'format', /end marker is missing/);
    await refused(says(image('bad_jpeg_scan_missing.jpg')), 'format', /JPEG: .*damaged or cut off \(Premature end/);
    for (const name of ['bad_jpeg_30000.jpg', 'bad_png_30000.png', 'bad_webp_16383.webp', 'bad_bmp_30000.bmp']) await refused(says(image(name)), 'unsupported', /100 (mega|million )pixels/);
  },
  'several pictures, a batch, messages': async () => {
    const vl = await demo();
    const two = await vl({ images: [sample(1), sample(2)], prompt: 'What is different?' }, { max_new_tokens: 5 });
    assert.equal(two.length, 1);
    const batch = await vl([sample(1), sample(2), bytes]);
    assert.deepEqual(batch.map((b) => b.length), [1, 1, 1]);
    assert.deepEqual([batch[0][0].generated_text, batch[2][0].generated_text], [words[1], words[1]]);
    const messages = [{ role: 'user', content: [{ type: 'image', image: sample(1) }, { type: 'text', text: 'Describe this image.' }] }];
    const [{ generated_text: talk }] = await vl(messages);
    assert.equal(talk.at(-1).content, words[1]);
    await refused(vl([sample(1), '/no/such.png']), 'io', /such\.png/);
  },
};
