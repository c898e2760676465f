// Elements, and what every view says to the person: announcements, notes, files, the clipboard, questions.

import { t } from './i18n.js';

type Child = Node | string | number | null | undefined | false | readonly Child[];
type Properties<E> = { [K in keyof E]?: E[K] } & { class?: string; dataset?: Record<string, string> } & { [attribute: string]: unknown };

function append(parent: Node, child: Child): void {
  if (Array.isArray(child)) for (const c of child as readonly Child[]) append(parent, c);
  else if (child !== null && child !== undefined && child !== false) parent.appendChild(child instanceof Node ? child : document.createTextNode(String(child)));
}

/** An element. `onclick` and its like are listeners; what the element has as a property is set as one, all else as an attribute
 * (null, undefined and false leave it away). `data-t`, `data-t-label` and `data-t-title` name texts that follow the language. */
export function el<K extends keyof HTMLElementTagNameMap>(tag: K, properties: Properties<HTMLElementTagNameMap[K]> | null = null, ...children: Child[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null) continue;
    if (name === 'class') element.className = String(value);
    else if (name === 'dataset') Object.assign(element.dataset, value);
    else if (name.startsWith('on') && typeof value === 'function') element.addEventListener(name.slice(2), value as EventListener);
    else if (name in element && !name.includes('-') && !(name === 'list' || name === 'form')) (element as unknown as Record<string, unknown>)[name] = value;
    else if (value !== false) element.setAttribute(name, value === true ? '' : String(value));
    if (name === 'data-t') element.textContent = t(String(value));
    else if (name === 'data-t-label') element.setAttribute('aria-label', t(String(value)));
    else if (name === 'data-t-title') element.title = t(String(value));
  }
  append(element, children);
  return element;
}

/** Replaces what an element holds. */
export function fill(element: Element, ...children: Child[]): void {
  element.replaceChildren();
  append(element, children);
}

/** Speaks to screen readers. One live region each for the whole page: regions that come and go are not heard. */
export function announce(text: string, mode: 'polite' | 'assertive' = 'polite'): void {
  const region = document.getElementById(`live-${mode}`);
  if (!region) return;
  region.textContent = '';
  // A change in the same task as the emptying is no change to a screen reader, so equal texts would be said once only.
  setTimeout(() => (region.textContent = text), 60);
}

/** A note at the edge of the page, also announced. It leaves by itself unless it is pointed at or holds the focus. */
export function toast(text: string, options: { action?: string; onaction?(): void; seconds?: number } = {}): void {
  const close = (): void => note.remove();
  const note = el('div', { class: 'toast' },
    el('p', null, text),
    options.action !== undefined && el('button', { type: 'button', class: 'button quiet', onclick: () => (close(), options.onaction?.()) }, options.action),
    el('button', { type: 'button', class: 'button quiet icon', 'aria-label': t('shell.dismiss'), onclick: close }, '×'));
  document.getElementById('toasts')?.append(note);
  announce(text);
  const life = (options.seconds ?? Math.min(20, 5 + text.length / 15)) * 1000;
  const leave = (): void => {
    if (note.matches(':hover') || note.contains(document.activeElement)) setTimeout(leave, 1500);
    else close();
  };
  setTimeout(leave, life);
}

/** Hands the person a file. */
export function download(name: string, type: string, text: string | Blob): void {
  const url = URL.createObjectURL(text instanceof Blob ? text : new Blob([text], { type }));
  el('a', { href: url, download: name }).click();
  // Browsers read the address after the click.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** Puts text on the clipboard and says so; false where the browser refuses. */
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    toast(t('shell.copy_failed'));
    return false;
  }
  toast(t('shell.copied'), { seconds: 3 });
  return true;
}

/** Asks a question with two answers, in a dialog. Escape is no. */
export function confirm(title: string, text: string, yes: string, options: { danger?: boolean; no?: string } = {}): Promise<boolean> {
  return new Promise((resolve) => {
    const heading = el('h2', { id: 'confirm-title' }, title);
    const dialog = el('dialog', { class: 'dialog', 'aria-labelledby': 'confirm-title', 'aria-describedby': 'confirm-text' },
      heading,
      el('p', { id: 'confirm-text' }, text),
      el('div', { class: 'row end' },
        el('button', { type: 'button', class: 'button', onclick: () => dialog.close('no') }, options.no ?? t('shell.cancel')),
        el('button', { type: 'button', class: options.danger ? 'button danger' : 'button primary', onclick: () => dialog.close('yes') }, yes)));
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
