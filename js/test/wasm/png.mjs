// 8-bit PNG pictures without interlacing to RGB pixels, for tests.
import { readFileSync } from 'node:fs';
import { inflateSync } from 'node:zlib';

export function readPng(path) {
  const file = readFileSync(path), data = [];
  let width, height, type, palette;
  for (let at = 8; at < file.length;) {
    const size = file.readUInt32BE(at), kind = file.toString('latin1', at + 4, at + 8), body = file.subarray(at + 8, at + 8 + size);
    if (kind === 'IHDR') {
      [width, height, type] = [body.readUInt32BE(0), body.readUInt32BE(4), body[9]];
      if (body[8] !== 8 || body[12] !== 0) throw new Error(`${path}: not 8 bits without interlacing`);
    }
    if (kind === 'PLTE') palette = body;
    if (kind === 'IDAT') data.push(body);
    at += size + 12;
  }
  const n = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }[type], row = width * n, raw = inflateSync(Buffer.concat(data)), out = new Uint8Array(row * height);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (row + 1)];
    for (let x = 0; x < row; x++) {
      const a = x >= n ? out[y * row + x - n] : 0, b = y ? out[(y - 1) * row + x] : 0, c = x >= n && y ? out[(y - 1) * row + x - n] : 0;
      const p = a + b - c, pa = Math.abs(p - a), pb = Math.abs(p - b), pc = Math.abs(p - c);
      const guess = [0, a, b, (a + b) >> 1, pa <= pb && pa <= pc ? a : pb <= pc ? b : c][filter];
      out[y * row + x] = raw[y * (row + 1) + 1 + x] + guess;
    }
  }
  const rgb = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++)
    for (let c = 0; c < 3; c++) rgb[3 * i + c] = type === 3 ? palette[3 * out[i] + c] : out[n * i + (n < 3 ? 0 : c)];
  return { width, height, rgb };
}
