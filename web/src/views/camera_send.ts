// Hands a picture to the view Ask.
import { go } from '../router.js';

interface Assistant extends HTMLElement {
  addPictures(list: readonly Blob[]): unknown;
}
const NAME = 'galago-image-assistant', WAIT_MS = 15_000;

/** Shows Ask with the picture in it. Rejects where Ask does not come. */
export async function sendToAsk(picture: File): Promise<void> {
  go('ask');
  const began = Date.now();
  await Promise.race([customElements.whenDefined(NAME), new Promise((_, reject) => setTimeout(() => reject(new Error('the view Ask was not loaded')), WAIT_MS))]);
  // The view is loaded when first shown.
  for (;;) {
    const assistant = document.querySelector<Assistant>(NAME);
    if (assistant) return void (await assistant.addPictures([picture]));
    if (Date.now() - began > WAIT_MS) throw new Error('the view Ask was not loaded');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
