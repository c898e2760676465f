// Pictures inside the worker: from what the page sent to pixels or to bytes that the engine decodes itself.

import { GalagoError } from './errors.js';
import { decodePng, isPng } from './png.js';
import type { PicturePayload } from './rpc.js';

/** Rows from the top, `channels` bytes a pixel. */
export interface Pixels {
  data: Uint8Array;
  width: number;
  height: number;
  channels: 3 | 4;
}

/** As the native program's limit. */
export const MAX_PIXELS = 100_000_000;

export function checkSize(format: string, width: number, height: number): void {
  if (width < 1 || height < 1) throw new GalagoError('format', `${format}: a picture of ${width} x ${height} pixels has no content`);
  if (width * height > MAX_PIXELS) throw new GalagoError('unsupported', `${format}: ${width} x ${height} pixels are more than ${MAX_PIXELS / 1e6} megapixels. Make the picture smaller.`);
}

/** What a worker needs from where it runs. */
export interface PictureHost {
  fetch(url: string, signal?: AbortSignal): Promise<Uint8Array>;
  /** JPEG, WebP and what else the platform knows. `format` is for messages. */
  decode(bytes: Uint8Array, format: string, signal?: AbortSignal): Promise<Pixels>;
  /** ImageBitmap and VideoFrame. */
  draw?(source: ImageBitmap | VideoFrame): Promise<Pixels>;
}

export type Format = 'PNG' | 'JPEG' | 'WebP' | 'GIF' | 'BMP' | 'AVIF' | 'picture';

export function sniff(b: Uint8Array): Format {
  const text = (at: number, n: number): string => String.fromCharCode(...b.subarray(at, at + n));
  if (isPng(b)) return 'PNG';
  if (b[0] === 0xff && b[1] === 0xd8) return 'JPEG';
  if (text(0, 4) === 'RIFF' && text(8, 4) === 'WEBP') return 'WebP';
  if (text(0, 4) === 'GIF8') return 'GIF';
  if (text(0, 2) === 'BM') return 'BMP';
  if (text(4, 8) === 'ftypavif') return 'AVIF';
  return 'picture';
}

/** Pixels, or a file in a format that the engine reads itself. */
export type Decoded = Pixels | { file: Uint8Array };

/** The picture, and what it can be decoded from again when the device was lost and the engine begins anew: a file's bytes
 * where there was a file (they are small), else the pixels. */
export interface Opened {
  decoded: Decoded;
  source: PicturePayload;
}

export async function decodePicture(payload: PicturePayload, host: PictureHost, signal?: AbortSignal): Promise<Opened> {
  switch (payload.kind) {
    case 'pixels':
      checkSize('Pixels', payload.width, payload.height);
      return { decoded: payload, source: payload };
    case 'url': {
      const bytes = payload.url.startsWith('data:') ? fromDataUrl(payload.url) : await host.fetch(payload.url, signal);
      return { decoded: await decodeBytes(bytes, host, signal), source: { kind: 'bytes', bytes } };
    }
    case 'bytes':
      return { decoded: await decodeBytes(payload.bytes, host, signal), source: payload };
    case 'bitmap':
    case 'frame': {
      const source = payload.kind === 'bitmap' ? payload.bitmap : payload.frame;
      if (!host.draw) throw new GalagoError('unsupported', `A ${payload.kind === 'bitmap' ? 'bitmap' : 'video frame'} cannot be read here. Pass a file's bytes or pixels.`);
      try {
        const decoded = await host.draw(source);
        return { decoded, source: { kind: 'pixels', ...decoded } };
      } finally {
        source.close();
      }
    }
    case 'kept':
      throw new GalagoError('internal', 'A kept picture was decoded twice');
  }
}

async function decodeBytes(bytes: Uint8Array, host: PictureHost, signal?: AbortSignal): Promise<Decoded> {
  if (bytes.length === 0) throw new GalagoError('format', 'The picture has no bytes. Was the file read to its end?');
  const format = sniff(bytes);
  if (format === 'GIF' || format === 'BMP') return { file: bytes };
  if (format === 'PNG' && typeof DecompressionStream !== 'undefined') return decodePng(bytes);
  return host.decode(bytes, format, signal);
}

export function fromDataUrl(url: string): Uint8Array {
  const comma = url.indexOf(',');
  if (comma < 0) throw new GalagoError('format', `The data: URL "${url.slice(0, 40)}" has no comma, so no content`);
  try {
    const body = url.slice(comma + 1);
    if (!/;base64\s*$/i.test(url.slice(0, comma))) return new TextEncoder().encode(decodeURIComponent(body));
    return fromBase64(decodeURIComponent(body));
  } catch {
    throw new GalagoError('format', `The data: URL "${url.slice(0, 40)}…" is not valid base64`);
  }
}

export function fromBase64(text: string): Uint8Array {
  const binary = atob(text.replace(/-/g, '+').replace(/_/g, '/'));
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
