// JPEG and WebP files in Node.js, which has no decoder of its own: MozJPEG and libwebp compiled to wasm (packages @jsquash/jpeg and
// @jsquash/webp, bundled). Both lie in files of their own and are loaded when the first such picture comes.

import { readFile } from 'node:fs/promises';
import jpegCodec from '@jsquash/jpeg/codec/dec/mozjpeg_dec.js';
import webpCodec from '@jsquash/webp/codec/dec/webp_dec.js';
import { GalagoError } from './errors.js';
import { exifOrientation, jpegExif, orient, webpExif } from './exif.js';
import { checkSize, type Format, type Pixels } from './picture.js';

interface Codec {
  decode(file: Uint8Array, preserveOrientation?: boolean): { data: Uint8ClampedArray; width: number; height: number } | null;
}
type Factory = (options: object) => Promise<unknown>;

/** The codecs hand pixels over as a browser's class. */
class PixelData {
  constructor(readonly data: Uint8ClampedArray, readonly width: number, readonly height: number) {}
}

/** What a codec said about the file in hand: libjpeg fills what is missing with grey and only warns. */
let warning = '';

async function load(factory: Factory, file: string): Promise<Codec> {
  (globalThis as { ImageData?: unknown }).ImageData ??= PixelData;
  const module = await WebAssembly.compile(await readFile(new URL(`./codecs/${file}`, import.meta.url)));
  const instantiateWasm = (imports: WebAssembly.Imports, done: (instance: WebAssembly.Instance) => void): object => {
    const instance = new WebAssembly.Instance(module, imports);
    done(instance);
    return instance.exports;
  };
  return (await factory({
    noInitialRun: true, instantiateWasm, print: () => undefined,
    printErr: (text: string) => {
      warning ||= text;
    },
  })) as Codec;
}

const codecs: Partial<Record<Format, () => Promise<Codec>>> = {
  JPEG: once(() => load(jpegCodec as unknown as Factory, 'jpeg.wasm')),
  WebP: once(() => load(webpCodec as unknown as Factory, 'webp.wasm')),
};

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null;
  return () => (made ??= make());
}

/** The file's segments up to its first scan. */
function* jpegSegments(b: Uint8Array): Generator<{ marker: number; at: number }> {
  for (let at = 2; at + 9 < b.length && b[at] === 0xff; ) {
    const marker = b[at + 1]!;
    if (marker === 0xff) {
      at++;
      continue;
    }
    yield { marker, at };
    if (marker === SCAN) return;
    at += 2 + ((b[at + 2]! << 8) | b[at + 3]!);
  }
}
const SCAN = 0xda;
/** Start of frame: C0 to CF without the tables DHT, JPG and DAC. */
const isFrame = (marker: number): boolean => marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);

/** Width and height as the file says them, before a byte is decoded: a small file can claim a picture larger than memory. */
function jpegSize(b: Uint8Array): [number, number] | null {
  for (const { marker, at } of jpegSegments(b)) if (isFrame(marker)) return [(b[at + 7]! << 8) | b[at + 8]!, (b[at + 5]! << 8) | b[at + 6]!];
  return null;
}

/** The picture is all in its first scan: not progressive, and no component is left for a later one. */
function jpegOneScan(b: Uint8Array): boolean {
  let components = 0, progressive = false;
  for (const { marker, at } of jpegSegments(b)) {
    if (marker === SCAN) return !progressive && b[at + 4] === components;
    if (isFrame(marker)) [components, progressive] = [b[at + 9]!, (marker & 3) === 2];
  }
  return false;
}

function webpSize(b: Uint8Array): [number, number] | null {
  const kind = String.fromCharCode(...b.subarray(12, 16)), at = 20;
  if (b.length < 30) return null;
  if (kind === 'VP8X') return [1 + (b[at + 4]! | (b[at + 5]! << 8) | (b[at + 6]! << 16)), 1 + (b[at + 7]! | (b[at + 8]! << 8) | (b[at + 9]! << 16))];
  if (kind === 'VP8L') return [1 + (((b[at + 2]! & 0x3f) << 8) | b[at + 1]!), 1 + (((b[at + 4]! & 0xf) << 10) | (b[at + 3]! << 2) | (b[at + 2]! >> 6))];
  if (kind === 'VP8 ') return [(b[at + 6]! | (b[at + 7]! << 8)) & 0x3fff, (b[at + 8]! | (b[at + 9]! << 8)) & 0x3fff];
  return null;
}

/** Some writers leave out the end marker, which is harmless behind the only scan; with it a warning means that pixels are missing. Of
 * several scans nobody knows whether one is missing. */
function withEnd(bytes: Uint8Array): Uint8Array {
  if ((bytes.at(-2) === 0xff && bytes.at(-1) === 0xd9) || !jpegOneScan(bytes)) return bytes;
  const whole = new Uint8Array(bytes.length + 2);
  whole.set(bytes);
  whole.set([0xff, 0xd9], bytes.length);
  return whole;
}

export async function decodeFile(bytes: Uint8Array, format: Format | string): Promise<Pixels> {
  const codec = codecs[format as Format];
  if (!codec) {
    if (format === 'AVIF') throw new GalagoError('unsupported', 'AVIF: Node.js has no decoder for it. Convert the picture to PNG, JPEG or WebP, or pass its pixels as {data, width, height, channels}.');
    const start = String.fromCharCode(...bytes.subarray(0, 16)).replace(/[^\x20-\x7e]+/g, '.');
    throw new GalagoError('format', `The picture is neither PNG, JPEG, WebP, GIF nor BMP: its ${bytes.length} bytes begin with "${start}"`);
  }
  if (format === 'WebP' && String.fromCharCode(...bytes.subarray(12, 16)) === 'VP8X' && bytes[20]! & 2) throw new GalagoError('unsupported', 'WebP: the file is an animation, which is not read in Node.js. Pass one picture of it.');
  const size = format === 'JPEG' ? jpegSize(bytes) : webpSize(bytes);
  if (size) checkSize(format, ...size);
  let decoded: ReturnType<Codec['decode']> = null, why = '';
  try {
    // libwebp's takes no second argument, and Emscripten counts.
    const { decode } = await codec();
    warning = '';
    decoded = format === 'JPEG' ? decode(withEnd(bytes), false) : decode(bytes);
  } catch (e) {
    if (e instanceof GalagoError || (e as { code?: string }).code === 'ENOENT') throw e;
    why = e instanceof Error ? ` (${e.message})` : '';
  }
  // Warnings about extra bytes are harmless.
  if (warning && !/extraneous/i.test(warning)) [decoded, why] = [null, ` (${warning})`];
  if (!decoded || !size) throw new GalagoError('format', `${format}: the file cannot be decoded: it is damaged or cut off${why}`);
  const { data, width, height } = decoded;
  checkSize(format, width, height);
  const exif = format === 'JPEG' ? jpegExif(bytes) : webpExif(bytes);
  const pixels = { data: new Uint8Array(data.buffer, data.byteOffset, data.length), width, height, channels: 4 as const };
  return exif ? orient(pixels, exifOrientation(exif)) : pixels;
}
