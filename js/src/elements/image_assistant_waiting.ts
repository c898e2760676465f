// The pictures that wait for the next question, and the addresses of all that are shown.

import { fetchPicture, nameOf, openPicture } from './image_assistant_pictures.js';
import { fill, type AssistantTexts } from './image_assistant_texts.js';
import type { AssistantPicture } from './image_assistant_types.js';

const extensions: Record<string, string> = { 'image/png': '.png', 'image/jpeg': '.jpg', 'image/webp': '.webp', 'image/gif': '.gif' };
/** Numbers of pictures that have no name. */
let nameless = 0;

export class Waiting {
  list: readonly AssistantPicture[] = [];
  /** Every picture whose address is not revoked yet. */
  private readonly open = new Set<AssistantPicture>();

  /** Opens one and puts it behind the others, or in their place. Null where `signal` came first. */
  async add(item: File | Blob | string | URL, multiple: boolean, texts: AssistantTexts, signal: AbortSignal): Promise<AssistantPicture | null> {
    const fallback = fill(texts.pastedName, { n: ++nameless });
    const blob = item instanceof Blob ? item : await fetchPicture(item, nameOf(item) || fallback, texts, signal);
    const picture = await openPicture(blob, texts, fallback + (extensions[blob.type] ?? ''));
    if (signal.aborted) {
      URL.revokeObjectURL(picture.url);
      return null;
    }
    this.open.add(picture);
    this.list = multiple ? [...this.list, picture] : [picture];
    return picture;
  }

  without(picture: AssistantPicture): void {
    this.list = this.list.filter((p) => p !== picture);
  }

  /** Addresses of pictures that nothing shows any more are given back. */
  sweep(shown: readonly AssistantPicture[]): void {
    const used = new Set([...this.list, ...shown]);
    for (const picture of this.open) {
      if (used.has(picture)) continue;
      URL.revokeObjectURL(picture.url);
      this.open.delete(picture);
    }
  }
}

/** Browsers call every picture that was copied "image.png". */
export function named<T extends File | string>(file: T, texts: AssistantTexts): T | File {
  if (typeof file === 'string' || !/^image\.\w+$/.test(file.name)) return file;
  return new File([file], fill(texts.pastedName, { n: ++nameless }) + (extensions[file.type] ?? ''), { type: file.type });
}
