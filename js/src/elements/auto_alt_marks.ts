// What is written into the page, and how each of it is taken back.

import { textAttribute } from './auto_alt_rules.js';

/** 'pending', 'generated' or 'failed'. */
export const MARK = 'data-galago-alt';

interface Written {
  /** The page's own, null where there was none. */
  before: string | null;
  text: string;
  noted: boolean;
}

/** The texts of one call of autoAlt. */
export class Marks {
  private readonly written = new Map<Element, Written>();
  private sheet: CSSStyleSheet | null = null;
  private readonly scopes = new Set<Document | ShadowRoot>();
  constructor(private readonly note: string, private readonly badge: boolean) {}

  state(element: Element, state: 'pending' | 'failed' | null): void {
    if (state === null) element.removeAttribute(MARK);
    else if (element.getAttribute(MARK) !== state) element.setAttribute(MARK, state);
  }

  set(element: Element, text: string): void {
    const attribute = textAttribute(element), before = element.getAttribute(attribute);
    const noted = this.note !== '' && !element.hasAttribute('aria-description') && !element.hasAttribute('aria-describedby');
    this.written.set(element, { before, text, noted });
    element.setAttribute(attribute, text);
    if (noted) element.setAttribute('aria-description', this.note);
    element.setAttribute(MARK, 'generated');
    if (this.badge) this.show(element);
  }

  has(element: Element): boolean {
    return this.written.has(element);
  }

  /** The text is still the one that was generated. */
  holds(element: Element): boolean {
    const w = this.written.get(element);
    return w !== undefined && element.getAttribute(textAttribute(element)) === w.text;
  }

  /** Takes everything of the element back; the text only while it is the generated one, for what the page set since is the page's. */
  restore(element: Element): void {
    const w = this.written.get(element), attribute = textAttribute(element);
    if (w && this.holds(element)) {
      if (w.before === null) element.removeAttribute(attribute);
      else element.setAttribute(attribute, w.before);
    }
    if (w?.noted && element.getAttribute('aria-description') === this.note) element.removeAttribute('aria-description');
    this.written.delete(element);
    this.state(element, null);
  }

  restoreAll(): void {
    for (const element of [...this.written.keys()]) this.restore(element);
    for (const scope of this.scopes) scope.adoptedStyleSheets = scope.adoptedStyleSheets.filter((sheet) => sheet !== this.sheet);
    this.scopes.clear();
  }

  /** A constructed style sheet is allowed where `style-src 'self'` refuses a style element. */
  private show(element: Element): void {
    const scope = element.getRootNode() as Document | ShadowRoot;
    if (this.scopes.has(scope) || !('adoptedStyleSheets' in scope)) return;
    if (!this.sheet) {
      this.sheet = new CSSStyleSheet();
      this.sheet.replaceSync(`[${MARK}=generated]{outline:3px dashed #1a6ad4;outline-offset:2px}[${MARK}=failed]{outline:3px dotted #a4302a;outline-offset:2px}`);
    }
    this.scopes.add(scope);
    scope.adoptedStyleSheets = [...scope.adoptedStyleSheets, this.sheet];
  }
}
