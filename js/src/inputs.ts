// Pictures as callers have them, made ready for the worker. What belongs to the caller stays whole: bytes are copied, bitmaps cloned.

import { GalagoError } from './errors.js';
import { fromBase64 } from './picture.js';
import type { PicturePayload } from './rpc.js';

/** Pixels as other libraries hand them over (RawImage of Transformers.js, ImageData). */
export interface PixelsLike {
  data: Uint8Array | Uint8ClampedArray;
  width: number;
  height: number;
  /** 1, 3 or 4; absent = as many as `data` has room for. */
  channels?: number;
}

export type ImageInput =
  | string // URL, data: URL, base64; a path in Node.js
  | URL
  | Blob
  | ArrayBuffer
  | ArrayBufferView
  | PixelsLike
  | ImageData
  | ImageBitmap
  | OffscreenCanvas
  | HTMLCanvasElement
  | HTMLImageElement
  | HTMLVideoElement
  | VideoFrame;

export interface Prepared {
  payload: PicturePayload;
  transfer: Transferable[];
}

/** How strings that are no URL are read: in a page relative to it, in Node.js as paths. */
export type ResolveName = (name: string) => PicturePayload | Promise<PicturePayload>;

/** Files begin alike: base64 of JPEG, PNG, GIF, WebP, BMP, AVIF/HEIF. "/9j/" would be a path otherwise. */
const BASE64 = /^(?:\/9j\/|iVBORw0KGgo|R0lGOD|UklGR|Qk[0-9A-Za-z]|AAAA[A-Za-z0-9+/]{2}[A-Za-z0-9+/]*ZnR5c)[A-Za-z0-9+/_\s-]{40,}={0,2}\s*$/;

const is = <T>(value: unknown, name: string): value is T => {
  const type = (globalThis as Record<string, unknown>)[name];
  return typeof type === 'function' && value instanceof (type as new () => T);
};

const bitmapOptions: ImageBitmapOptions = { colorSpaceConversion: 'none', premultiplyAlpha: 'none' };

export async function prepareImage(input: unknown, resolveName: ResolveName): Promise<Prepared> {
  if (typeof input === 'string') return { payload: await fromString(input, resolveName), transfer: [] };
  if (is<URL>(input, 'URL')) return { payload: await resolveName(input.href), transfer: [] };
  if (is<Blob>(input, 'Blob')) return readBlob(input);
  if (input instanceof ArrayBuffer || is<SharedArrayBuffer>(input, 'SharedArrayBuffer')) return bytes(new Uint8Array(input as ArrayBuffer));
  if (ArrayBuffer.isView(input)) return bytes(new Uint8Array(input.buffer as ArrayBuffer, input.byteOffset, input.byteLength));
  if (is<HTMLImageElement>(input, 'HTMLImageElement')) return fromElement(input);
  if (is<HTMLVideoElement>(input, 'HTMLVideoElement')) {
    if (input.readyState < 2 || input.videoWidth === 0) throw new GalagoError('argument', 'The video shows no frame yet. Wait for its "loadeddata" event.');
    return bitmap(() => createImageBitmap(input, bitmapOptions), () => createImageBitmap(input));
  }
  if (is<HTMLCanvasElement>(input, 'HTMLCanvasElement') || is<OffscreenCanvas>(input, 'OffscreenCanvas')) {
    if (input.width === 0 || input.height === 0) throw new GalagoError('argument', `The canvas is ${input.width} x ${input.height} pixels: there is nothing on it`);
    return bitmap(() => createImageBitmap(input, bitmapOptions), () => createImageBitmap(input));
  }
  if (is<ImageBitmap>(input, 'ImageBitmap')) {
    if (input.width === 0) throw new GalagoError('argument', 'The ImageBitmap was closed or transferred: there is nothing in it');
    return bitmap(() => createImageBitmap(input, bitmapOptions), () => createImageBitmap(input));
  }
  if (is<VideoFrame>(input, 'VideoFrame')) {
    if (input.displayWidth === 0) throw new GalagoError('argument', 'The VideoFrame was closed: there is nothing in it');
    return bitmap(() => createImageBitmap(input), () => createImageBitmap(input));
  }
  if (typeof input === 'object' && input !== null && 'data' in input && 'width' in input && 'height' in input) return pixels(input as PixelsLike);
  throw new GalagoError('argument', `A picture cannot be ${describe(input)}. Pass a URL, data: URL, base64, File, Blob, bytes, ImageData, ImageBitmap, canvas, img, video, VideoFrame or {data, width, height, channels}.`);
}

function describe(input: unknown): string {
  if (input === null || input === undefined) return String(input);
  if (Array.isArray(input)) return 'an array here';
  return typeof input === 'object' ? `an object with ${Object.keys(input).slice(0, 4).join(', ') || 'nothing in it'}` : `a ${typeof input}`;
}

async function fromString(text: string, resolveName: ResolveName): Promise<PicturePayload> {
  if (text.trim() === '') throw new GalagoError('argument', 'The picture is an empty string. Pass a URL, a data: URL or base64.');
  if (/^data:/i.test(text)) return { kind: 'url', url: text };
  if (BASE64.test(text)) {
    try {
      return { kind: 'bytes', bytes: fromBase64(text.replace(/\s+/g, '')) };
    } catch {
      throw new GalagoError('format', `"${text.slice(0, 24)}…" begins like the base64 of a picture, but is not valid base64`);
    }
  }
  return resolveName(text);
}

async function readBlob(blob: Blob): Promise<Prepared> {
  let buffer: ArrayBuffer;
  try {
    buffer = await blob.arrayBuffer();
  } catch (e) {
    throw new GalagoError('io', `The file ${(blob as Partial<File>).name ?? ''} cannot be read: ${e instanceof Error ? e.message : String(e)}. It may have been moved or changed since it was chosen.`);
  }
  return { payload: { kind: 'bytes', bytes: new Uint8Array(buffer) }, transfer: [buffer] };
}

function bytes(view: Uint8Array): Prepared {
  const copy = view.slice();
  return { payload: { kind: 'bytes', bytes: copy }, transfer: [copy.buffer] };
}

function pixels(p: PixelsLike): Prepared {
  const { width, height } = p, area = width * height;
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1) throw new GalagoError('argument', `Pixels of ${width} x ${height}: both sides must be whole numbers from 1`);
  const channels = p.channels ?? p.data.length / area;
  if (![1, 3, 4].includes(channels) || p.data.length !== area * channels) throw new GalagoError('argument', `${p.data.length} bytes are not ${width} x ${height} pixels of 1, 3 or 4 channels`);
  let data: Uint8Array<ArrayBuffer>;
  if (channels === 1) {
    data = new Uint8Array(area * 3);
    for (let i = 0; i < area; i++) data[3 * i] = data[3 * i + 1] = data[3 * i + 2] = p.data[i]!;
  } else {
    data = new Uint8Array(p.data);
  }
  return { payload: { kind: 'pixels', data, width, height, channels: channels === 1 ? 3 : (channels as 3 | 4) }, transfer: [data.buffer] };
}

/** Older browsers know fewer options. */
async function bitmap(first: () => Promise<ImageBitmap>, second: () => Promise<ImageBitmap>, url?: string): Promise<Prepared> {
  let made: ImageBitmap;
  try {
    made = await first().catch(second);
  } catch (e) {
    throw new GalagoError('unsupported', `The browser makes no bitmap of it: ${e instanceof Error ? e.message : String(e)}. Pass the picture's file or address instead.`);
  }
  return { payload: url ? { kind: 'bitmap', bitmap: made, url } : { kind: 'bitmap', bitmap: made }, transfer: [made] };
}

/** The file behind the element where it can be had again (it has all the colours), else what the element shows. */
async function fromElement(image: HTMLImageElement): Promise<Prepared> {
  const url = image.currentSrc || image.src;
  if (!url) throw new GalagoError('argument', 'The img element has no src');
  if (/^data:/i.test(url) && !/^data:image\/svg/i.test(url)) return { payload: { kind: 'url', url }, transfer: [] };
  try {
    await image.decode();
  } catch {
    throw new GalagoError('format', `The img element shows no picture: ${url.slice(0, 100)} could not be loaded or decoded`);
  }
  if (/^(https?|blob):/i.test(url) && !/\.svg([?#]|$)/i.test(url) && (url.startsWith('blob:') || new URL(url).origin === location.origin))
    return { payload: { kind: 'url', url }, transfer: [] };
  if (/svg/i.test(url.slice(0, 30)) || /\.svg([?#]|$)/i.test(url)) return drawn(image);
  return bitmap(() => createImageBitmap(image, { ...bitmapOptions, imageOrientation: 'from-image' }), () => createImageBitmap(image));
}

/** Vector pictures have pixels only once they are drawn; on white, as a page shows them. */
async function drawn(image: HTMLImageElement): Promise<Prepared> {
  const width = image.naturalWidth, height = image.naturalHeight;
  if (!width || !height) throw new GalagoError('argument', 'The SVG has no size of its own. Give it a width and a height.');
  const canvas = Object.assign(document.createElement('canvas'), { width, height }), context = canvas.getContext('2d')!;
  context.fillStyle = '#fff';
  context.fillRect(0, 0, width, height);
  context.drawImage(image, 0, 0, width, height);
  try {
    const { data } = context.getImageData(0, 0, width, height);
    return pixels({ data, width, height, channels: 4 });
  } catch {
    throw new GalagoError('unsupported', 'The SVG contains what the browser does not let scripts read. Pass a PNG or JPEG.');
  }
}
