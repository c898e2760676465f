// The table of a batch: only the rows that are seen, and the one that has the focus, are in the page, so that ten thousand are as quick
// as ten. Every row is equally high; the style sheet says how high.
import { el } from '../dom.js';
import { bytes, seconds, t } from '../i18n.js';
import type { Row } from './batch_queue.js';
import { SIDE, type Thumbs } from './batch_thumbs.js';

interface Shown {
  element: HTMLTableRowElement;
  name: HTMLButtonElement;
  size: HTMLElement;
  answer: HTMLElement;
  state: HTMLElement;
  time: HTMLElement;
  canvas: HTMLCanvasElement;
}

/** Rows above and below what is seen. */
const AHEAD = 8;

export class Table {
  readonly element: HTMLTableElement;
  private readonly body: HTMLTableSectionElement;
  private readonly shown = new Map<number, Shown>();
  private rows: readonly Row[] = [];
  private readonly places = new Map<number, number>();
  private height = 84;
  private planned = 0;
  private readonly stale = new Set<number>();

  constructor(private readonly thumbs: Thumbs, private readonly open: (row: number) => void) {
    const head = (key: string, name: string): HTMLElement => el('th', { role: 'columnheader', scope: 'col', class: `b-${name}`, 'data-t': `batch.${key}` });
    this.body = el('tbody', { role: 'rowgroup', class: 'b-body' });
    this.element = el('table', { role: 'table', class: 'b-table', 'data-t-label': 'batch.table' },
      el('thead', { role: 'rowgroup' }, el('tr', { role: 'row', class: 'b-row b-head', 'aria-rowindex': '1' },
        el('th', { role: 'columnheader', scope: 'col', class: 'b-thumb' }, el('span', { class: 'unseen', 'data-t': 'batch.col_picture' })),
        head('col_name', 'name'), head('col_answer', 'answer'), head('col_state', 'state'), head('col_seconds', 'time'))),
      this.body);
    new ResizeObserver(() => this.measure()).observe(this.element);
    // Whatever scrolls, the page or something around the table.
    document.addEventListener('scroll', () => this.plan(), { capture: true, passive: true });
    addEventListener('resize', () => this.plan());
  }

  /** These rows from now on. */
  show(rows: readonly Row[]): void {
    this.rows = rows;
    this.places.clear();
    rows.forEach((row, place) => this.places.set(row.id, place));
    this.element.setAttribute('aria-rowcount', String(rows.length + 1));
    this.body.style.height = `${rows.length * this.height}px`;
    for (const id of this.shown.keys()) this.stale.add(id);
    this.plan();
  }

  /** A row changed. */
  change(row: Row): void {
    if (!this.shown.has(row.id)) return;
    this.stale.add(row.id);
    this.plan();
  }

  /** Everything is written anew, in another language say. */
  refresh(): void {
    for (const id of this.shown.keys()) this.stale.add(id);
    this.plan();
  }

  /** Brings a row into view and gives it the focus. */
  focus(id: number): void {
    const place = this.places.get(id);
    if (place === undefined) return;
    const box = this.body.getBoundingClientRect(), y = box.top + place * this.height;
    if (y < 160 || y + this.height > innerHeight) scrollBy(0, y - innerHeight / 2);
    this.render();
    this.shown.get(id)?.name.focus({ preventScroll: true });
  }

  private measure(): void {
    const height = parseFloat(getComputedStyle(this.element).getPropertyValue('--b-height')) || 84;
    // It may also have come into view only now: what changed while it was hidden is not drawn yet.
    if (height === this.height) return this.plan();
    this.height = height;
    this.show(this.rows);
  }

  private plan(): void {
    this.planned ||= requestAnimationFrame(() => this.render());
  }

  private render(): void {
    cancelAnimationFrame(this.planned);
    this.planned = 0;
    if (!this.element.isConnected || this.element.offsetParent === null) return;
    const { top } = this.body.getBoundingClientRect();
    const first = Math.max(0, Math.floor(-top / this.height) - AHEAD);
    const last = Math.min(this.rows.length - 1, Math.ceil((innerHeight - top) / this.height) + AHEAD);
    const focused = [...this.shown].find(([, { element }]) => element.contains(document.activeElement))?.[0];
    for (const [id, shown] of this.shown) {
      const place = this.places.get(id);
      if (place !== undefined && ((place >= first && place <= last) || id === focused)) continue;
      shown.element.remove();
      this.shown.delete(id);
      this.thumbs.leave(id);
    }
    // In the table's order, also for those who read it by ear.
    let before: Element | null = null;
    const places = new Set<number>();
    for (let place = first; place <= last; place++) places.add(place);
    const kept = focused === undefined ? undefined : this.places.get(focused);
    if (kept !== undefined) places.add(kept);
    for (const place of [...places].sort((a, b) => a - b)) before = this.put(place, before);
    this.stale.clear();
  }

  private put(place: number, before: Element | null): Element {
    const row = this.rows[place]!;
    let shown = this.shown.get(row.id);
    const fresh = !shown;
    if (!shown) {
      shown = this.make(row);
      this.shown.set(row.id, shown);
      this.thumbs.want(row.id, shown.canvas);
    }
    if (fresh || this.stale.has(row.id)) this.write(shown, row);
    const y = `${place * this.height}px`;
    if (shown.element.style.top !== y) {
      shown.element.style.top = y;
      shown.element.setAttribute('aria-rowindex', String(place + 2));
    }
    const after = before ? before.nextElementSibling : this.body.firstElementChild;
    // Moving a row that has the focus would take the focus from it.
    if (after !== shown.element) this.body.insertBefore(shown.element, after);
    return shown.element;
  }

  private make(row: Row): Shown {
    const canvas = el('canvas', { class: 'b-canvas', width: SIDE, height: SIDE, 'aria-hidden': 'true' });
    const name = el('button', { type: 'button', class: 'b-open' }), size = el('span', { class: 'b-size' });
    const answer = el('p', { dir: 'auto' }), state = el('span', { class: 'b-label' }), time = el('span');
    const cell = (kind: string, ...children: Node[]): HTMLElement => el('td', { role: 'cell', class: `b-${kind}` }, children);
    const element = el('tr', { role: 'row', class: 'b-row', dataset: { row: String(row.id) }, onclick: () => this.open(row.id) },
      cell('thumb', canvas), cell('name', name, size), cell('answer', answer), cell('state', state), cell('time', time));
    return { element, name, size, answer, state, time, canvas };
  }

  private write({ element, name, size, answer, state, time }: Shown, row: Row): void {
    const set = (e: HTMLElement, text: string): void => {
      if (e.textContent !== text) e.textContent = text;
    };
    element.dataset.state = row.state;
    set(name, row.name.split('/').at(-1)!);
    name.title = row.name;
    set(size, bytes(row.size));
    // What streams is shown by its end: that is where the words come.
    const words = row.state === 'failed' ? (row.error ?? '') : row.answer;
    set(answer, row.state === 'running' && words.length > 240 ? `… ${words.slice(-220)}` : words.slice(0, 400));
    set(state, row.made === undefined ? t(`batch.state_${row.state}`) : t('batch.state_edited'));
    set(time, row.seconds === undefined ? '' : seconds(row.seconds));
  }
}
