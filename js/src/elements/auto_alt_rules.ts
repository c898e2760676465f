// Which elements are pictures that lack a text, and which of them must be left alone. Nothing here changes the page.

import type { AltRules } from './auto_alt_options.js';
import { isFileName } from './auto_alt_text.js';

/** What can be a candidate at all. */
export const PICTURES = 'img, input[type=image i], [role~=img i]';

/** The attribute that carries the picture's text. */
export const textAttribute = (element: Element): 'alt' | 'aria-label' =>
  element instanceof HTMLImageElement || element instanceof HTMLInputElement ? 'alt' : 'aria-label';

/** The parent as a reader sees the page: out of a shadow root to its host. */
const parentOf = (node: Node): Node | null => (node.parentNode instanceof ShadowRoot ? node.parentNode.host : node.parentNode);

/** The element and what is around it, to the document. */
function* around(element: Element): Generator<Element> {
  for (let node: Node | null = element; node; node = parentOf(node)) if (node instanceof Element) yield node;
}

const role = (element: Element): string => element.getAttribute('role')?.trim().split(/\s+/)[0]?.toLowerCase() ?? '';

/** A text that aria-label or aria-labelledby gives. */
function ariaName(element: Element): string {
  const scope = element.getRootNode() as Document | ShadowRoot;
  const ids = element.getAttribute('aria-labelledby')?.trim().split(/\s+/) ?? [];
  const labels = ids.map((id) => (id ? scope.getElementById?.(id) : null)).map((label) => label?.getAttribute('aria-label') ?? label?.textContent ?? '');
  return labels.join(' ').trim() || (element.getAttribute('aria-label')?.trim() ?? '');
}

/** The picture inside an element with role=img: a canvas of its own, or itself. */
export function canvasOf(element: Element): HTMLCanvasElement | null {
  if (element instanceof HTMLCanvasElement) return element;
  if (element instanceof HTMLImageElement || element instanceof HTMLInputElement) return null;
  const inside = element.querySelectorAll('canvas');
  return inside.length === 1 && !element.querySelector('img, svg, video') ? inside[0]! : null;
}

/** The address of the one background picture, or ''. */
export function backgroundOf(element: Element): string {
  const value = getComputedStyle(element).backgroundImage;
  return /^url\((["']?)(.*)\1\)$/s.exec(value)?.[2]?.replace(/\\(["'()\\])/g, '$1') ?? '';
}

/** Where the picture comes from; '' for a canvas, or where there is nothing yet. */
export function addressOf(element: Element): string {
  if (element instanceof HTMLImageElement) return element.currentSrc || element.src;
  if (element instanceof HTMLInputElement) return element.src;
  return canvasOf(element) ? '' : backgroundOf(element);
}

function isPicture(element: Element, rules: AltRules): boolean {
  if (element instanceof HTMLImageElement) return addressOf(element) !== '' || element.hasAttribute('srcset');
  if (element instanceof HTMLInputElement) return element.type === 'image' && element.src !== '';
  if (element instanceof SVGElement || role(element) !== 'img') return false;
  return canvasOf(element) !== null || (rules.backgrounds && backgroundOf(element) !== '');
}

/** True where the page's own text may be replaced, or there is none. An empty alt is the author's word: decoration. */
function lacksText(element: Element, rules: AltRules): boolean {
  const attribute = textAttribute(element), text = element.getAttribute(attribute);
  if (attribute === 'alt' ? text === null : !text?.trim()) return true;
  if (!text?.trim() || rules.replace === 'missing') return false;
  return rules.replace === 'all' || isFileName(text, addressOf(element));
}

/** A candidate by its markup: it is a picture, lacks a text, and nothing around it says that it is decoration or to be left alone. */
export function isCandidate(element: Element, rules: AltRules): boolean {
  if (!isPicture(element, rules) || !lacksText(element, rules)) return false;
  if (rules.selector && !element.matches(rules.selector)) return false;
  if (['presentation', 'none'].includes(role(element))) return false;
  if (textAttribute(element) === 'alt' ? ariaName(element) : element.hasAttribute('aria-labelledby') && ariaName(element)) return false;
  if (!rules.titled && element.getAttribute('title')?.trim() && rules.replace !== 'all') return false;
  for (const e of around(element))
    if (e.hasAttribute('data-no-auto-alt') || e.getAttribute('aria-hidden')?.toLowerCase() === 'true' || e.hasAttribute('inert')) return false;
  return true;
}

/** Shown at all: not display:none, visibility:hidden, hidden, or in a closed details. Where it lies on the page does not matter. */
export function isShown(element: Element): boolean {
  if (!element.isConnected) return false;
  if (typeof element.checkVisibility === 'function') return element.checkVisibility({ visibilityProperty: true, checkVisibilityCSS: true } as CheckVisibilityOptions);
  return element.getClientRects().length > 0 && getComputedStyle(element).visibility === 'visible';
}

/** Loaded, so far as the element can say; of a background or an input's picture the reading tells. */
export const isLoaded = (element: Element): boolean => !(element instanceof HTMLImageElement) || (element.complete && element.naturalWidth > 0);

/** Too small to show anything, as it lies on the page; or a spacer, whatever size it is stretched to. */
export function isTiny(element: Element, rules: AltRules): boolean {
  const box = element.getBoundingClientRect(), image = element instanceof HTMLImageElement ? element : null;
  if (image && image.naturalWidth > 0 && Math.min(image.naturalWidth, image.naturalHeight) <= 2) return true;
  const sides = box.width && box.height ? [box.width, box.height] : image ? [image.naturalWidth || image.width, image.naturalHeight || image.height] : [0, 0];
  return Math.min(...sides) < rules.min_size;
}

/** The picture is all that a link or button contains: its text is then what the link is called. */
export function isLinked(element: Element): boolean {
  if (element instanceof HTMLInputElement) return true;
  const link = element.closest('a[href], button, [role=link], [role=button]');
  return link !== null && !link.textContent?.trim() && !ariaName(link) && link.querySelectorAll(PICTURES).length === (link === element ? 0 : 1);
}

/** The language of the page at this place. */
export function languageOf(element: Element): string {
  for (const e of around(element)) {
    const lang = e.getAttribute('lang') ?? e.getAttribute('xml:lang');
    if (lang !== null) return lang;
  }
  return '';
}
