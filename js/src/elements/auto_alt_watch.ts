// Tells of pictures as they come, change, load and come near the view; knows nothing of models and texts.

import { PICTURES } from './auto_alt_rules.js';

/** How far from the view a picture counts as near. */
const MARGIN = '400px';
/** What of a picture, or around it, decides whether it is a candidate. */
const ATTRIBUTES = ['src', 'srcset', 'alt', 'role', 'aria-hidden', 'aria-label', 'aria-labelledby', 'title', 'hidden', 'inert', 'open', 'type', 'data-no-auto-alt'];

export interface WatchEvents {
  /** A picture that may be new, or may have become a candidate. */
  found(element: Element): void;
  /** Its address changed, or something else loaded in it. */
  changed(element: Element): void;
  /** The attribute that holds its text changed. */
  texted(element: Element): void;
  gone(element: Element): void;
  /** Something came near, was shown, loaded or failed to: it is worth looking again. */
  look(): void;
}

export class Watch {
  private readonly near = new WeakSet<Element>();
  private readonly scopes = new Set<Node>();
  private readonly mutations: MutationObserver;
  private readonly views: IntersectionObserver;
  private readonly sizes: ResizeObserver;
  /** The view was looked at once, so that nearness is known. */
  readonly ready: Promise<void>;
  private tell!: () => void;

  constructor(private readonly root: Document | Element | DocumentFragment, private readonly options: { observe: boolean; shadow: boolean }, private readonly on: WatchEvents) {
    this.ready = new Promise((resolve) => (this.tell = resolve));
    this.mutations = new MutationObserver((records) => this.mutated(records));
    this.views = new IntersectionObserver((entries) => {
      for (const e of entries) if (e.isIntersecting) this.near.add(e.target);
        else this.near.delete(e.target);
      this.tell();
      on.look();
    }, { rootMargin: MARGIN });
    this.sizes = new ResizeObserver(() => on.look());
  }

  /** Finds what is there, and begins to listen. */
  start(): void {
    // A page in the background is not laid out: there nothing is ever said to be near.
    setTimeout(this.tell, 500);
    this.open(this.root);
  }

  isNear(element: Element): boolean {
    return this.near.has(element);
  }

  follow(element: Element): void {
    this.views.observe(element);
    this.sizes.observe(element);
  }

  leave(element: Element): void {
    this.views.unobserve(element);
    this.sizes.unobserve(element);
  }

  stop(): void {
    this.mutations.disconnect();
    this.views.disconnect();
    this.sizes.disconnect();
    for (const scope of this.scopes) for (const type of ['load', 'error']) scope.removeEventListener(type, this.loaded, true);
    this.scopes.clear();
    this.tell();
  }

  private open(scope: Document | Element | DocumentFragment): void {
    if (this.scopes.has(scope)) return;
    this.scopes.add(scope);
    for (const type of ['load', 'error']) scope.addEventListener(type, this.loaded, true);
    if (this.options.observe) this.mutations.observe(scope, { subtree: true, childList: true, attributes: true, attributeFilter: ATTRIBUTES });
    this.scan(scope);
  }

  private scan(scope: Document | Element | DocumentFragment): void {
    if (scope instanceof Element && scope.matches(PICTURES)) this.on.found(scope);
    for (const element of scope.querySelectorAll(PICTURES)) this.on.found(element);
    if (!this.options.shadow) return;
    for (const element of [...(scope instanceof Element ? [scope] : []), ...scope.querySelectorAll('*')]) {
      if (element.shadowRoot) this.open(element.shadowRoot);
      // A component whose script comes later has its shadow root only then. Scripts of extensions have no registry: it is null.
      else if (element.localName.includes('-') && element.matches(':not(:defined)')) void (customElements as CustomElementRegistry | null)?.whenDefined(element.localName).then(() => this.later(element));
    }
  }

  private later(element: Element): void {
    if (!this.scopes.size || !this.options.observe || !element.isConnected || !element.shadowRoot) return;
    this.open(element.shadowRoot);
    this.on.look();
  }

  // Neither event bubbles, but both can be caught on their way down.
  private readonly loaded = (event: Event): void => {
    const { target } = event;
    if (!(target instanceof Element) || !target.matches(PICTURES)) return;
    if (this.options.observe) this.on.changed(target);
    this.on.look();
  };

  private mutated(records: MutationRecord[]): void {
    const dropped = new Set<Element>();
    for (const { type, target, attributeName, addedNodes, removedNodes } of records) {
      if (type === 'childList') {
        for (const node of addedNodes) if (node instanceof Element && node.isConnected) this.scan(node);
        for (const node of removedNodes) if (node instanceof Element && !node.isConnected) dropped.add(node);
        continue;
      }
      const element = target as Element;
      if (element.matches(PICTURES)) {
        if (attributeName === 'src' || attributeName === 'srcset') this.on.changed(element);
        if (attributeName === 'alt' || attributeName === 'aria-label') this.on.texted(element);
      }
      // What lies inside of it may be decoration no longer.
      if (attributeName !== 'alt' && attributeName !== 'src') this.scan(element);
      else if (element.matches(PICTURES)) this.on.found(element);
    }
    for (const node of dropped) {
      if (node.matches(PICTURES)) this.on.gone(node);
      for (const element of node.querySelectorAll(PICTURES)) this.on.gone(element);
    }
    this.on.look();
  }
}
