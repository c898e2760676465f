// Small helpers for elements that are built by script alone: no markup is ever parsed.

type Child = Node | string | null | undefined | false;
type Attributes = Record<string, string | number | boolean | null | undefined | EventListener>;

/** `onclick` and the like are listened to; true and false are attributes that are there or not. */
export function el<K extends keyof HTMLElementTagNameMap>(tag: K, attributes: Attributes = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') node.addEventListener(name.slice(2), value);
    else setAttribute(node, name, value);
  }
  node.append(...children.filter((c): c is Node | string => c !== null && c !== undefined && c !== false));
  return node;
}

export function setAttribute(node: Element, name: string, value: string | number | boolean | null | undefined): void {
  if (value === false || value === null || value === undefined) node.removeAttribute(name);
  else node.setAttribute(name, value === true ? '' : String(value));
}

/** Only where it differs: writing the same text again would make screen readers and selections start over. */
export function setText(node: Node, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

const SVG = 'http://www.w3.org/2000/svg';
/** Lines on a grid of 24, in the colour of the text around. */
export function icon(path: string): SVGSVGElement {
  const svg = document.createElementNS(SVG, 'svg'), line = document.createElementNS(SVG, 'path');
  for (const [name, value] of Object.entries({ viewBox: '0 0 24 24', 'aria-hidden': 'true', focusable: 'false', class: 'icon' })) svg.setAttribute(name, value);
  line.setAttribute('d', path);
  svg.append(line);
  return svg;
}

export const icons = {
  picture: 'M4 5h16v14H4zM4 16l4.5-5 4 4 2.5-2.5L20 17M15.5 9.5h.01',
  plus: 'M12 5v14M5 12h14',
  camera: 'M4 8h3.5L9 5.5h6L16.5 8H20v11H4zM12 10.2a3.3 3.3 0 1 0 0 6.6 3.3 3.3 0 0 0 0-6.6z',
  close: 'M6.5 6.5l11 11M17.5 6.5l-11 11',
  send: 'M12 19V6M6 11.5L12 5.5l6 6',
  stop: 'M7 7h10v10H7z',
  copy: 'M9 9h10v11H9zM6 15H5V4h10v2',
  again: 'M19 12a7 7 0 1 1-2.2-5.1M19 3.5V8h-4.5',
  edit: 'M5 19l.8-3.8L16 5l3 3L8.8 18.2z',
  speak: 'M5 10v4h3l4 3.5v-11L8 10zM15.5 9.5a3.6 3.6 0 0 1 0 5M18 7a7 7 0 0 1 0 10',
  save: 'M12 4v11M7 10.5l5 5 5-5M5 20h14',
  clear: 'M5 7h14M10 7V4.5h4V7M7 7l.8 12.5h8.4L17 7',
} as const;

/** A button with an icon; the words come when `label` is called, in the language of the moment. */
export function button(kind: string, shape: keyof typeof icons | null, onclick: (event: Event) => void, part?: string): { node: HTMLButtonElement; label(text: string, hint?: string): void } {
  const words = el('span', { class: 'words' });
  const node = el('button', { type: 'button', class: kind, part: part ?? 'button', onclick }, shape && icon(icons[shape]), words);
  return {
    node,
    label(text, hint = text) {
      setText(words, text);
      // An icon alone keeps its name; a hint longer than the words is what the button is called.
      setAttribute(node, 'aria-label', hint === text ? null : hint);
      setAttribute(node, 'title', kind.includes('bare') || hint !== text ? hint : null);
    },
  };
}

/** Puts text on the clipboard; false where the browser refuses. */
export async function copyText(text: string, near: Node): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Pages without a secure context, and WebKit outside of a gesture, have the old way alone.
    const field = el('textarea', { readonly: true, class: 'unseen', 'aria-hidden': 'true', tabindex: -1 });
    field.value = text;
    const root = near.getRootNode(), before = root instanceof ShadowRoot || root instanceof Document ? root.activeElement : null;
    (root instanceof ShadowRoot ? root : document.body).append(field);
    field.select();
    let done = false;
    try {
      done = document.execCommand('copy');
    } catch {
      // Not allowed either.
    }
    field.remove();
    if (before instanceof HTMLElement) before.focus();
    return done;
  }
}

export function download(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  el('a', { href: url, download: name }).click();
  // The browser has begun to read it when this runs; at once would be too early in WebKit.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
