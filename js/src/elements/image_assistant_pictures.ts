// From what a person drops, pastes or chooses to pictures that can be shown and asked about.

import { fill, type AssistantTexts } from './image_assistant_texts.js';
import type { AssistantPicture } from './image_assistant_types.js';

/** The engine's limit. */
const MAX_PIXELS = 100_000_000;

/** What a file begins with, where it is known and no page shows it. */
export function foreign(head: Uint8Array): 'heic' | 'tiff' | 'notPicture' | null {
  const text = (at: number, n: number): string => String.fromCharCode(...head.subarray(at, at + n));
  if (text(4, 4) === 'ftyp') {
    const brand = text(8, 4);
    if (/^(heic|heix|heim|heis|hevc|hevx|mif1|msf1)$/.test(brand)) return 'heic';
    return /^avi[fs]$/.test(brand) ? null : 'notPicture';
  }
  if (text(0, 4) === 'II*\0' || text(0, 4) === 'MM\0*') return 'tiff';
  return /^(%PDF|PK\x03\x04|ID3|OggS|\x1aE\xdf\xa3)/.test(text(0, 4)) ? 'notPicture' : null;
}

const isPng = (head: Uint8Array): boolean => [0x89, 0x50, 0x4e, 0x47].every((byte, i) => head[i] === byte);

/** A PNG is a row of chunks, each with its length, up to one that is called IEND. */
export function endsAsPng(file: DataView): boolean {
  let at = 8;
  while (at + 12 <= file.byteLength) {
    const end = at + 12 + file.getUint32(at);
    if (file.getUint32(at + 4) === 0x49454e44) return end <= file.byteLength;
    at = end;
  }
  return false;
}

/** The message is for people and names the file. */
export class PictureError extends Error {
  override readonly name = 'PictureError';
}

let serial = 0;

function blobName(blob: Blob, fallback: string): string {
  return (blob instanceof File && blob.name) || fallback;
}

/** Opens one file. The picture's address is to be revoked by who asked. */
export async function openPicture(blob: Blob, texts: AssistantTexts, fallback: string): Promise<AssistantPicture> {
  const name = blobName(blob, fallback), fail = (key: keyof AssistantTexts, more = {}): PictureError => new PictureError(fill(texts[key], { name, ...more }));
  if (blob.size === 0) throw fail('emptyFile');
  let head: Uint8Array;
  try {
    head = new Uint8Array(await blob.slice(0, 32).arrayBuffer());
  } catch {
    // The file was moved or changed since it was chosen, or is a folder.
    throw fail('broken');
  }
  const vector = blob.type === 'image/svg+xml';
  const kind = foreign(head), image = new Image();
  let file = blob instanceof File && blob.name ? blob : new File([blob], name, { type: blob.type });
  let url = URL.createObjectURL(blob);
  try {
    image.src = url;
    try {
      await image.decode();
    } catch {
      // Some browsers do know these formats, so that they are named only after they could not be shown.
      const isPicture = blob.type.startsWith('image/') || blob.type === '';
      throw fail(kind ?? (isPicture ? 'broken' : 'notPicture'));
    }
    const { naturalWidth: width, naturalHeight: height } = image;
    if (width === 0 || height === 0) throw fail('noPixels');
    if (width * height > MAX_PIXELS) throw fail('tooLarge', { width, height });
    // Browsers show what there is of a file that was cut off; what makes pixels for the model does not take it.
    if (isPng(head) && !endsAsPng(new DataView(await blob.arrayBuffer()))) throw fail('broken');
    if (vector) {
      file = await draw(image, name.replace(/\.svg$/i, '') + '.png');
      URL.revokeObjectURL(url);
      url = URL.createObjectURL(file);
    }
    return { id: ++serial, name, file, width, height, url };
  } catch (error) {
    URL.revokeObjectURL(url);
    throw error instanceof PictureError ? error : fail('broken');
  }
}

/** Drawings of lines have pixels only once they are drawn; on white, as pages show them. */
async function draw(image: HTMLImageElement, name: string): Promise<File> {
  const canvas = document.createElement('canvas'), context = canvas.getContext('2d')!;
  canvas.width = image.naturalWidth;
  canvas.height = image.naturalHeight;
  context.fillStyle = '#fff';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'));
  if (!blob) throw new Error('the browser could not draw it');
  return new File([blob], name, { type: 'image/png' });
}

/** A picture behind an address, as a file. */
export async function fetchPicture(address: string | URL, name: string, texts: AssistantTexts, signal: AbortSignal): Promise<File> {
  try {
    const response = await fetch(address, { signal });
    if (!response.ok) throw new Error(String(response.status));
    const blob = await response.blob();
    return new File([blob], name, { type: blob.type });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new PictureError(fill(texts.notFetched, { name }));
  }
}

/** The last part of an address, for people. */
export function nameOf(address: string | URL): string {
  const text = String(address);
  if (/^(data|blob):/i.test(text)) return '';
  try {
    return decodeURIComponent(new URL(text, document.baseURI).pathname.split('/').pop() ?? '');
  } catch {
    return '';
  }
}

/** What was dropped or pasted: files, or else the address of a picture that was dragged from a page. */
export function filesOf(data: DataTransfer | null): (File | string)[] {
  if (!data) return [];
  const files = [...data.files];
  if (files.length) return files;
  const address = (data.getData('text/uri-list') || data.getData('text/plain')).split(/\r?\n/).find((line) => line && !line.startsWith('#')) ?? '';
  // Never another site's: nothing is asked of the network that the person did not ask for.
  return /^(data:image\/|blob:)/i.test(address) || address.startsWith(`${location.origin}/`) ? [address] : [];
}
