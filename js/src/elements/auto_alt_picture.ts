// From an element to what a pipeline takes. A page's policy, other origins and vector pictures each ask for a way of their own.

import { GalagoError, type ImageInput } from '../index.js';
import { canvasOf } from './auto_alt_rules.js';

/** Vector pictures have no pixels; this many on their longer side at least. */
const VECTOR_SIDE = 512;
/** The model sees less; a drawing larger than this only takes memory. */
const MAX_SIDE = 4096;

const isVector = (url: string): boolean => /^data:image\/svg/i.test(url) || /\.svg(?:[?#]|$)/i.test(url);
const short = (url: string): string => (url.length > 100 ? `${url.slice(0, 100)}…` : url);

function canLoad(url: string): URL {
  try {
    const parsed = new URL(url, document.baseURI);
    if (/^(?:https?|data|blob):$/.test(parsed.protocol)) return parsed;
  } catch {
    // No address: said below.
  }
  throw new GalagoError('unsupported', `The picture's address ${short(url)} is none that a page may read (https, http, data or blob)`);
}

/** A second copy of the picture that scripts may read: img-src governs it, as it does the first. */
async function load(url: string, crossOrigin: string | null): Promise<HTMLImageElement> {
  const image = new Image();
  if (crossOrigin !== null) image.crossOrigin = crossOrigin;
  image.src = url;
  try {
    await image.decode();
  } catch (e) {
    // decode() refuses some vector pictures that are loaded all the same.
    if (!image.complete || (!image.naturalWidth && !isVector(url))) throw e;
  }
  return image;
}

/** The size in which the picture is drawn: its own, within bounds; of one without a size that on the page. */
function sizeOf(image: HTMLImageElement, vector: boolean, box: DOMRect): [number, number] {
  const width = image.naturalWidth || box.width || VECTOR_SIDE, height = image.naturalHeight || box.height || VECTOR_SIDE, longer = Math.max(width, height);
  const scale = longer > MAX_SIDE ? MAX_SIDE / longer : vector && longer < VECTOR_SIDE ? VECTOR_SIDE / longer : 1;
  return [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
}

/** Pixels as they are shown: on white, and of an animation the frame that the browser draws, the first. */
function draw(image: CanvasImageSource, url: string, [width, height]: [number, number]): ImageData {
  const canvas = Object.assign(document.createElement('canvas'), { width, height }), context = canvas.getContext('2d', { willReadFrequently: true });
  if (!context) throw new GalagoError('memory', `The browser gives no canvas of ${width} x ${height} pixels for ${short(url)}`);
  context.fillStyle = '#fff';
  context.fillRect(0, 0, width, height);
  context.drawImage(image, 0, 0, width, height);
  try {
    return context.getImageData(0, 0, width, height);
  } catch (e) {
    throw new GalagoError('unsupported', `The browser does not let scripts read ${short(url)}: it shows a page's elements, or comes from another server`, { cause: e });
  } finally {
    canvas.width = canvas.height = 0;
  }
}

/** The picture of another server, where that allows it. */
async function fromElsewhere(url: string): Promise<ImageInput> {
  try {
    return await load(url, 'anonymous');
  } catch (e) {
    const host = new URL(url).host;
    throw new GalagoError('network', `The picture ${short(url)} is on another server (${host}), which does not let this page read it. Let it send Access-Control-Allow-Origin, or serve the picture from here.`, { cause: e });
  }
}

/** What the pipeline is given first. */
export async function readPicture(element: Element, url: string): Promise<ImageInput> {
  const canvas = canvasOf(element);
  if (canvas) {
    if (!canvas.width || !canvas.height) throw new GalagoError('argument', `The canvas is ${canvas.width} x ${canvas.height} pixels: there is nothing on it`);
    return draw(canvas, 'the canvas', [canvas.width, canvas.height]);
  }
  const { protocol, origin, href } = canLoad(url), box = element.getBoundingClientRect();
  if (element instanceof HTMLImageElement && !element.complete) await element.decode().catch(() => {});
  const shown = element instanceof HTMLImageElement && element.naturalWidth > 0 ? element : null;
  if (protocol === 'data:' && !isVector(href)) return href;
  if (isVector(href)) {
    const image = await copy(href, origin);
    return draw(image, href, sizeOf(image, true, box));
  }
  // Where the policy lets no script fetch blob: addresses, what is shown can still be drawn.
  if (protocol === 'blob:') {
    const image = shown ?? (await copy(href, origin));
    return draw(image, href, sizeOf(image, false, box));
  }
  // The file has all the colours; it comes most often from the browser's cache.
  if (origin === location.origin) return href;
  if (shown?.crossOrigin != null) return shown;
  return fromElsewhere(href);
}

async function copy(url: string, origin: string): Promise<HTMLImageElement> {
  const other = /^https?:/i.test(url) && origin !== location.origin;
  try {
    return await load(url, other ? 'anonymous' : null);
  } catch (e) {
    if (other) return (await fromElsewhere(url)) as HTMLImageElement;
    throw new GalagoError('io', `The picture ${short(url)} could not be loaded`, { cause: e });
  }
}

/** What it is given where the file of this origin could not be fetched or decoded: what the element shows. Null where there is no second way. */
export async function readAgain(element: Element, url: string, first: ImageInput): Promise<ImageInput | null> {
  if (typeof first !== 'string' || canvasOf(element)) return null;
  try {
    const image = await load(url, null);
    return draw(image, url, sizeOf(image, true, element.getBoundingClientRect()));
  } catch {
    return null;
  }
}
