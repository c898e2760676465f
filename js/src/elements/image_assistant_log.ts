// The conversation on the page: its turns, and the place to which the reader has scrolled.

import { el, setAttribute } from './dom.js';
import { TurnView, type TurnActions, type TurnAround } from './image_assistant_turn.js';
import type { AssistantTurn } from './image_assistant_types.js';

/** So many pixels from the end still count as being there. */
const NEAR = 64;

export class Log {
  private readonly end = el('div', { class: 'end-mark', 'aria-hidden': 'true' });
  /** The live region is elsewhere: this one would have every piece of an answer spoken. */
  readonly node = el('section', { class: 'log', part: 'conversation', role: 'log', 'aria-live': 'off' }, this.end);
  private views: TurnView[] = [];

  /** `below`: what covers the lower end, where the page scrolls and not this. */
  constructor(private readonly actions: TurnActions, private readonly below: HTMLElement) {}

  update(turns: readonly AssistantTurn[], label: string, around: (turn: AssistantTurn, at: number) => TurnAround): void {
    const known = new Map(this.views.map((v) => [v.turn, v]));
    this.views = turns.map((turn) => known.get(turn) ?? new TurnView(turn, this.actions));
    const wanted = new Set(this.views);
    for (const v of known.values()) if (!wanted.has(v)) v.node.remove();
    this.views.forEach((v, i) => {
      if (this.node.children[i] !== v.node) this.node.insertBefore(v.node, this.node.children[i] ?? this.end);
      v.update(around(v.turn, i));
    });
    this.node.hidden = turns.length === 0;
    setAttribute(this.node, 'aria-label', label);
  }

  private get scrolls(): boolean {
    return this.node.scrollHeight > this.node.clientHeight + 1;
  }

  /** The reader sees the end. */
  atEnd(): boolean {
    if (this.node.hidden) return true;
    if (this.scrolls) return this.node.scrollHeight - this.node.scrollTop - this.node.clientHeight < NEAR;
    return this.end.getBoundingClientRect().bottom < Math.min(this.below.getBoundingClientRect().top, innerHeight) + NEAR;
  }

  toEnd(): void {
    if (this.scrolls) this.node.scrollTop = this.node.scrollHeight;
    else {
      // Behind the field that lies over the end of the page nothing can be read.
      this.end.style.scrollMarginBlockEnd = `${this.below.offsetHeight + (parseFloat(getComputedStyle(this.below).bottom) || 0) + 16}px`;
      this.end.scrollIntoView({ block: 'nearest' });
    }
  }
}
