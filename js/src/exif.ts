// The orientation that a camera wrote into a picture (EXIF 2.32, tag 0x0112), and turning pixels by it.

import type { Pixels } from './picture.js';

/** 1..8; 1 where nothing valid is found. `tiff`: the EXIF block from "II" or "MM" on. */
export function exifOrientation(tiff: Uint8Array): number {
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  if (tiff.length < 8) return 1;
  const order = view.getUint16(0), little = order === 0x4949;
  if ((!little && order !== 0x4d4d) || view.getUint16(2, little) !== 42) return 1;
  const at = view.getUint32(4, little);
  if (at + 2 > tiff.length) return 1;
  const n = view.getUint16(at, little);
  for (let i = 0; i < n; i++) {
    const entry = at + 2 + i * 12;
    if (entry + 12 > tiff.length) return 1;
    if (view.getUint16(entry, little) !== 0x0112) continue;
    const type = view.getUint16(entry + 2, little); // SHORT, or LONG as some write it; one of it
    if ((type !== 3 && type !== 4) || view.getUint32(entry + 4, little) !== 1) return 1;
    const value = type === 3 ? view.getUint16(entry + 8, little) : view.getUint32(entry + 8, little);
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}

/** The EXIF block of a JPEG's first APP1 segment that has one. */
export function jpegExif(bytes: Uint8Array): Uint8Array | null {
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff; ) {
    const marker = bytes[at + 1]!, size = (bytes[at + 2]! << 8) | bytes[at + 3]!;
    if (marker === 0xff) {
      at++;
      continue;
    }
    if (marker === 0xda || size < 2) return null;
    if (marker === 0xe1 && size >= 8 && String.fromCharCode(...bytes.subarray(at + 4, at + 8)) === 'Exif')
      return bytes.subarray(at + 10, Math.min(at + 2 + size, bytes.length));
    at += 2 + size;
  }
  return null;
}

/** The EXIF chunk of a WebP file. Some writers put JPEG's "Exif\0\0" before the block. */
export function webpExif(bytes: Uint8Array): Uint8Array | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 12; at + 8 <= bytes.length; ) {
    const name = String.fromCharCode(...bytes.subarray(at, at + 4)), size = view.getUint32(at + 4, true);
    if (name === 'EXIF') {
      const block = bytes.subarray(at + 8, Math.min(at + 8 + size, bytes.length));
      return block[0] === 0x45 && block[1] === 0x78 ? block.subarray(6) : block;
    }
    at += 8 + size + (size & 1);
  }
  return null;
}

/** Pixels as they are to be looked at. */
export function orient(p: Pixels, orientation: number): Pixels {
  if (orientation <= 1 || orientation > 8) return p;
  const { width: w, height: h, channels: c } = p, swap = orientation >= 5;
  const width = swap ? h : w, height = swap ? w : h, data = new Uint8Array(p.data.length);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to += c) {
      // Where the pixel at (x, y) of the turned picture is in the stored one.
      let sx = x, sy = y;
      if (orientation === 2) sx = w - 1 - x;
      else if (orientation === 3) [sx, sy] = [w - 1 - x, h - 1 - y];
      else if (orientation === 4) sy = h - 1 - y;
      else if (orientation === 5) [sx, sy] = [y, x];
      else if (orientation === 6) [sx, sy] = [y, h - 1 - x];
      else if (orientation === 7) [sx, sy] = [w - 1 - y, h - 1 - x];
      else if (orientation === 8) [sx, sy] = [w - 1 - y, x];
      const from = (sy * w + sx) * c;
      for (let k = 0; k < c; k++) data[to + k] = p.data[from + k]!;
    }
  }
  return { data, width, height, channels: c };
}
