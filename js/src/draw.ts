// Pictures to pixels with the browser's own decoders and a canvas; in the worker where it has one, else on the page.

import { GalagoError } from './errors.js';
import { checkSize, type Format, type Pixels } from './picture.js';

type Canvas = OffscreenCanvas | HTMLCanvasElement;

/** Null where there is no canvas here. */
function makeCanvas(width: number, height: number): Canvas | null {
  if (typeof OffscreenCanvas !== 'undefined') return new OffscreenCanvas(width, height);
  if (typeof document !== 'undefined') return Object.assign(document.createElement('canvas'), { width, height });
  return null;
}

export function canDraw(): boolean {
  try {
    return makeCanvas(1, 1)?.getContext('2d') != null;
  } catch {
    return false;
  }
}

const sizeOf = (source: ImageBitmap | VideoFrame): [number, number] =>
  'displayWidth' in source ? [source.displayWidth, source.displayHeight] : [source.width, source.height];

export function drawPixels(source: ImageBitmap | VideoFrame): Pixels {
  const [width, height] = sizeOf(source);
  checkSize('Picture', width, height);
  const canvas = makeCanvas(width, height);
  // Software canvases read back at once; and the pixels stay what they are.
  const context = canvas?.getContext('2d', { willReadFrequently: true }) as OffscreenCanvasRenderingContext2D | CanvasRenderingContext2D | null | undefined;
  if (!canvas || !context) throw new GalagoError('memory', `The browser gives no canvas of ${width} x ${height} pixels. Make the picture smaller.`);
  context.drawImage(source, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  canvas.width = canvas.height = 0; // the memory goes now, not at the next collection
  return { data: new Uint8Array(data.buffer), width, height, channels: 4 };
}

/** Bytes of a JPEG, WebP, AVIF, … file. */
export async function decodeBlob(blob: Blob, format: Format | string): Promise<Pixels> {
  const name = format === 'picture' ? 'The picture' : `${format}: the file`;
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(blob, { colorSpaceConversion: 'none', premultiplyAlpha: 'none', imageOrientation: 'from-image' })
      // Browsers that know fewer options throw a TypeError; a broken file throws again.
      .catch((e: unknown) => (e instanceof TypeError ? createImageBitmap(blob) : Promise.reject(e as Error)));
  } catch (e) {
    throw new GalagoError('format', `${name} cannot be decoded: it is damaged, cut off or of a kind that this browser does not know (${e instanceof Error ? e.message : String(e)})`);
  }
  try {
    return drawPixels(bitmap);
  } finally {
    bitmap.close();
  }
}
