// PNG to pixels, exactly as the native program's library gives them: 16 bits lose their low byte, alpha and transparent colours are
// dropped without compositing, gamma and profiles are not applied. A canvas cannot do that: it multiplies by alpha and
// manages colours. All colour types, depths and interlacing; inflating is the platform's.

import { GalagoError } from './errors.js';
import { exifOrientation, orient } from './exif.js';
import { checkSize, type Pixels } from './picture.js';

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
/** Samples of a pixel by colour type. */
const SAMPLES: Record<number, number> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const DEPTHS: Record<number, number[]> = { 0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16] };
/** Of deflate: 258 bytes from 2 bits. */
const MAX_RATIO = 1032;
/** Adam7: first column and row, steps. */
const PASSES = [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]] as const;

interface Header { width: number; height: number; depth: number; type: number; interlaced: boolean }

let crcTable: Uint32Array | null = null;
function crc32(bytes: Uint8Array): number {
  crcTable ??= Uint32Array.from({ length: 256 }, (_, n) => {
    for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
    return n;
  });
  let c = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) c = crcTable[(c ^ bytes[i]!) & 255]! ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

function damaged(what: string): never {
  throw new GalagoError('format', `PNG: ${what}`);
}

export function isPng(bytes: Uint8Array): boolean {
  return SIGNATURE.every((b, i) => bytes[i] === b);
}

/** Rows with their filter bytes, of all passes. */
async function inflate(parts: Uint8Array[], size: number): Promise<Uint8Array> {
  const raw = new Uint8Array(size);
  let filled = 0;
  const reader = new Blob(parts as BlobPart[]).stream().pipeThrough(new DecompressionStream('deflate')).getReader();
  try {
    while (filled < size) {
      const { done, value } = await reader.read();
      if (done) break;
      const piece = value.subarray(0, size - filled);
      raw.set(piece, filled);
      filled += piece.length;
    }
  } catch {
    damaged('the compressed pixels are damaged or cut off');
  }
  // More than the picture needs is no damage.
  reader.cancel().catch(() => undefined);
  if (filled < size) damaged(`${filled} bytes of pixels instead of ${size}: the file ends before the picture does`);
  return raw;
}

/** Undoes the filter of a row; `previous` is the row above, zeros for the first. */
function unfilter(filter: number, row: Uint8Array, previous: Uint8Array, bpp: number): void {
  const n = row.length;
  if (filter === 1) {
    for (let i = bpp; i < n; i++) row[i] = row[i]! + row[i - bpp]!;
  } else if (filter === 2) {
    for (let i = 0; i < n; i++) row[i] = row[i]! + previous[i]!;
  } else if (filter === 3) {
    for (let i = 0; i < n; i++) row[i] = row[i]! + (((i >= bpp ? row[i - bpp]! : 0) + previous[i]!) >> 1);
  } else if (filter === 4) {
    for (let i = 0; i < n; i++) {
      const a = i >= bpp ? row[i - bpp]! : 0, b = previous[i]!, c = i >= bpp ? previous[i - bpp]! : 0;
      const pa = Math.abs(b - c), pb = Math.abs(a - c), pc = Math.abs(a + b - 2 * c);
      row[i] = row[i]! + (pa <= pb && pa <= pc ? a : pb <= pc ? b : c);
    }
  } else if (filter !== 0) {
    damaged(`a row has filter ${filter}`);
  }
}

/** The samples of one row to RGB, written from `to` on, `step` pixels apart. */
function expand(h: Header, palette: Uint8Array, row: Uint8Array, width: number, out: Uint8Array, to: number, step: number): void {
  const { depth, type } = h, bytes = depth === 16 ? 2 : 1, samples = SAMPLES[type]!;
  for (let x = 0; x < width; x++, to += step * 3) {
    if (type === 2 || type === 6) {
      const at = x * samples * bytes;
      out[to] = row[at]!;
      out[to + 1] = row[at + bytes]!;
      out[to + 2] = row[at + 2 * bytes]!;
      continue;
    }
    let v: number;
    if (depth >= 8) {
      v = row[x * samples * bytes]!;
    } else {
      const bit = x * depth;
      v = (row[bit >> 3]! >> (8 - depth - (bit & 7))) & ((1 << depth) - 1);
      if (type === 0) v *= 255 / ((1 << depth) - 1);
    }
    if (type === 3) {
      // An index past the palette is black, as libpng has it.
      out[to] = palette[v * 3] ?? 0;
      out[to + 1] = palette[v * 3 + 1] ?? 0;
      out[to + 2] = palette[v * 3 + 2] ?? 0;
    } else {
      out[to] = out[to + 1] = out[to + 2] = v;
    }
  }
}

export async function decodePng(bytes: Uint8Array): Promise<Pixels> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let h: Header | null = null, palette: Uint8Array = new Uint8Array(0), orientation = 1, ended = false;
  const data: Uint8Array[] = [];
  for (let at = 8; at + 12 <= bytes.length && !ended; ) {
    const size = view.getUint32(at), name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (size > bytes.length - at - 12) damaged(`chunk ${name} is cut off`);
    const body = bytes.subarray(at + 8, at + 8 + size);
    const critical = (bytes[at + 4]! & 32) === 0;
    if (critical && crc32(bytes.subarray(at + 4, at + 8 + size)) !== view.getUint32(at + 8 + size)) damaged(`chunk ${name} is damaged (its checksum is wrong)`);
    if (name === 'IHDR') {
      if (size !== 13 || h) damaged('its header is damaged');
      h = { width: view.getUint32(at + 8), height: view.getUint32(at + 12), depth: body[8]!, type: body[9]!, interlaced: body[12] === 1 };
      if (!DEPTHS[h.type]?.includes(h.depth) || body[10] !== 0 || body[11] !== 0 || body[12]! > 1) damaged(`colour type ${h.type} with ${h.depth} bits is not allowed`);
      checkSize('PNG', h.width, h.height);
    } else if (name === 'PLTE') {
      palette = body;
    } else if (name === 'IDAT') {
      data.push(body);
    } else if (name === 'eXIf') {
      orientation = exifOrientation(body);
    } else if (name === 'IEND') {
      ended = true;
    }
    at += 12 + size;
  }
  if (!h) damaged('it has no header');
  if (data.length === 0) damaged('it has no pixels');
  if (!ended) damaged('the file is cut off: its end marker is missing');
  if (h.type === 3 && palette.length === 0) damaged('it has no palette');

  const bits = SAMPLES[h.type]! * h.depth, bpp = Math.max(1, bits >> 3);
  const passes = (h.interlaced ? PASSES : [[0, 0, 1, 1] as const])
    .map(([x, y, dx, dy]) => ({ x, y, dx, dy, width: Math.ceil((h.width - x) / dx), height: Math.ceil((h.height - y) / dy) }))
    .filter((p) => p.width > 0 && p.height > 0);
  const rowBytes = (width: number): number => Math.ceil((width * bits) / 8);
  const total = passes.reduce((sum, p) => sum + (rowBytes(p.width) + 1) * p.height, 0);
  if (total / MAX_RATIO > bytes.length) damaged(`${bytes.length} bytes cannot hold ${h.width} x ${h.height} pixels: the file is cut off or damaged`);
  const raw = await inflate(data, total), out = new Uint8Array(h.width * h.height * 3);
  let at = 0;
  for (const p of passes) {
    const n = rowBytes(p.width);
    let previous: Uint8Array = new Uint8Array(n);
    for (let y = 0; y < p.height; y++, at += n + 1) {
      const row = raw.subarray(at + 1, at + 1 + n);
      unfilter(raw[at]!, row, previous, bpp);
      expand(h, palette, row, p.width, out, ((p.y + y * p.dy) * h.width + p.x) * 3, p.dx);
      previous = row;
    }
  }
  return orient({ data: out, width: h.width, height: h.height, channels: 3 }, orientation);
}
