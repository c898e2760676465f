// One call of autoAlt: which pictures wait, which comes next, what becomes of it.

import { GalagoError } from '../index.js';
import { Marks, MARK } from './auto_alt_marks.js';
import { Describer, NoModel } from './auto_alt_model.js';
import type { AltEventDetail, AltResult, AltSummary, AutoAlt, Settings } from './auto_alt_options.js';
import { readAgain, readPicture } from './auto_alt_picture.js';
import { addressOf, isCandidate, isLinked, isLoaded, isShown, isTiny, languageOf, textAttribute } from './auto_alt_rules.js';
import { shorten } from './auto_alt_text.js';
import { Watch } from './auto_alt_watch.js';

interface Item {
  element: Element;
  state: 'waiting' | 'running' | 'left out' | 'settled';
  /** src and srcset as they were: another size of the same picture is no other picture. */
  source: string;
  /** The page's text when the model was asked. */
  text: string | null;
  /** Was there at the beginning: `done` waits for it. */
  first: boolean;
}

type Known = { text: string; figures: AltResult['figures'] } | { error: Error };

const sourceOf = (element: Element): string => `${element.getAttribute('src') ?? ''}\n${element.getAttribute('srcset') ?? ''}`;
const asError = (e: unknown): Error => (e instanceof Error ? e : new Error(String(e)));
/** What would fail again in the same way. */
const isLasting = (e: Error): boolean => e instanceof GalagoError && ['format', 'unsupported'].includes(e.code);

export class Run implements AutoAlt {
  readonly results: AltResult[] = [];
  readonly done: Promise<AltSummary>;
  paused = false;
  private readonly items = new Map<Element, Item>();
  /** Words by address and language. */
  private readonly known = new Map<string, Known>();
  private readonly control = new AbortController();
  private readonly marks: Marks;
  private readonly watch: Watch;
  private readonly describer: Describer;
  private described = 0;
  private running = false;
  private ready = false;
  private isDone = false;
  private resolve!: (summary: AltSummary) => void;
  private reject!: (error: unknown) => void;

  constructor(root: Document | Element | DocumentFragment, private readonly settings: Settings, private readonly signal?: AbortSignal) {
    this.done = new Promise((resolve, reject) => ([this.resolve, this.reject] = [resolve, reject]));
    this.marks = new Marks(settings.note, settings.badge);
    this.describer = new Describer(settings, this.control.signal);
    this.watch = new Watch(root, settings, {
      found: (e) => this.found(e), changed: (e) => this.changed(e), texted: (e) => this.texted(e), gone: (e) => this.gone(e), look: () => this.look(),
    });
    signal?.addEventListener('abort', this.onabort);
    if (signal?.aborted) {
      void this.stop();
      return;
    }
    document.addEventListener('visibilitychange', this.look);
    this.watch.start();
    // What comes before the view was looked at once was there at the beginning, as good as.
    void this.watch.ready.then(() => {
      this.ready = true;
      this.look();
    });
  }

  private readonly onabort = (): void => void this.stop();

  get stopped(): boolean {
    return this.control.signal.aborted;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.look();
  }

  async stop(): Promise<void> {
    if (!this.stopped) {
      this.control.abort(new DOMException('autoAlt was stopped.', 'AbortError'));
      this.watch.stop();
      this.signal?.removeEventListener('abort', this.onabort);
      document.removeEventListener('visibilitychange', this.look);
      for (const { element, state } of this.items.values()) if (state === 'running') this.marks.state(element, null);
      this.finish();
    }
    await this.describer.close();
  }

  async undo(): Promise<void> {
    const stopped = this.stop();
    this.marks.restoreAll();
    for (const { element } of this.items.values()) this.marks.state(element, null);
    await stopped;
  }

  // --- what the watch tells

  private found(element: Element): void {
    // What has been described, by this call or another, is described; a copy of it carries the words along.
    if (this.items.has(element) || element.getAttribute(MARK) === 'generated' || !isCandidate(element, this.settings)) return;
    this.items.set(element, { element, state: 'waiting', source: sourceOf(element), text: null, first: !this.ready });
    this.watch.follow(element);
  }

  private changed(element: Element): void {
    const item = this.items.get(element);
    if (item && item.source === sourceOf(element)) return;
    // The words belong to another picture now: wrong is worse than none.
    if (this.marks.has(element) || item) this.marks.restore(element);
    // A picture in work is looked at again when its answer comes.
    if (item?.state === 'running') return;
    this.items.delete(element);
    this.found(element);
  }

  private texted(element: Element): void {
    if (!this.marks.has(element)) this.found(element);
    else if (!this.marks.holds(element)) this.marks.restore(element);
  }

  private gone(element: Element): void {
    const item = this.items.get(element);
    if (!item || element.isConnected) return;
    this.watch.leave(element);
    if (item.state !== 'running') this.items.delete(element);
  }

  // --- the order

  /** A candidate that can be described now; 'broken' where its picture failed to load. */
  private standing(item: Item): 'ready' | 'broken' | 'loading' | 'waits' | 'none' {
    const { element } = item;
    if (!isCandidate(element, this.settings)) return 'none';
    if (!isShown(element)) return 'waits';
    if (element instanceof HTMLImageElement && !isLoaded(element)) {
      if (element.complete) return isTiny(element, this.settings) ? 'none' : 'broken';
      return element.loading === 'lazy' && !this.watch.isNear(element) ? 'waits' : 'loading';
    }
    if (isTiny(element, this.settings)) return 'none';
    return this.settings.lazy && !this.watch.isNear(element) ? 'waits' : 'ready';
  }

  /** The one nearest to the view, from above to below; outside of it by the distance. */
  private next(): Item | null {
    let best: Item | null = null, least: [number, number] = [Infinity, Infinity];
    for (const item of this.items.values()) {
      if (item.state !== 'waiting') continue;
      const { top, bottom, left } = item.element.getBoundingClientRect();
      const away = bottom < 0 ? -bottom : Math.max(0, top - innerHeight), order: [number, number] = [away, away ? 0 : top * 10000 + left];
      if (order[0] > least[0] || (order[0] === least[0] && order[1] >= least[1])) continue;
      if (['ready', 'broken'].includes(this.standing(item))) [best, least] = [item, order];
    }
    return best;
  }

  private readonly look = (): void => void this.work();

  private async work(): Promise<void> {
    if (this.running || !this.ready) return;
    this.running = true;
    try {
      for (let item; !this.stopped && !this.paused && !(this.settings.pause_hidden && document.hidden) && (item = this.next()); ) await this.take(item);
    } finally {
      this.running = false;
    }
    if (!this.stopped) this.finish();
  }

  // --- one picture

  private async take(item: Item): Promise<void> {
    const { element } = item, url = addressOf(element), linked = isLinked(element), language = this.settings.language ?? languageOf(element);
    const key = url && `${language}\n${url}`, known = key ? this.known.get(key) : undefined;
    if (!known && this.described >= this.settings.limit) {
      item.state = 'left out';
      return;
    }
    item.state = 'running';
    item.source = sourceOf(element);
    item.text = element.getAttribute(textAttribute(element));
    this.marks.state(element, 'pending');
    let answer: Known;
    try {
      answer = known ?? (await this.ask(element, url, linked, language));
    } catch (e) {
      if (this.stopped) return;
      if (e instanceof NoModel) return this.giveUp(element, e.cause);
      answer = { error: asError(e) };
    }
    if (this.stopped) return;
    if (key && (!('error' in answer) || isLasting(answer.error))) this.known.set(key, answer);
    this.marks.state(element, null);
    item.state = 'settled';
    if (!element.isConnected) return void this.items.delete(element);
    if (item.source !== sourceOf(element)) {
      this.items.delete(element);
      return this.found(element);
    }
    this.settle({ element, url, status: 'failed', text: '', linked, cached: known !== undefined, figures: null, error: null }, answer, item.text);
  }

  private async ask(element: Element, url: string, linked: boolean, language: string): Promise<Known> {
    if (element instanceof HTMLImageElement && !isLoaded(element)) throw new GalagoError('network', `The picture ${url.slice(0, 100)} did not load`);
    this.described++;
    const request = { element, url, language, linked, signal: this.control.signal, read: () => readPicture(element, url) };
    const { text, figures } = await this.describer.answer(request, (first) => readAgain(element, url, first));
    const words = shorten(text, this.settings.max_length - this.settings.prefix.length);
    if (!words) throw new GalagoError('unsupported', 'The model gave no words for the picture');
    return { text: words, figures };
  }

  private settle(result: AltResult, answer: Known, before: string | null): void {
    const { element } = result;
    if ('error' in answer) {
      result.error = answer.error;
      this.marks.state(element, 'failed');
    } else {
      const detail: AltEventDetail = { text: answer.text, linked: result.linked, figures: answer.figures };
      Object.assign(result, { status: 'kept', text: answer.text, figures: answer.figures });
      // The page may have given a text, or hidden the picture, while the model was at it.
      const unchanged = (): boolean => isCandidate(element, this.settings) && element.getAttribute(textAttribute(element)) === before;
      const event = new CustomEvent('galago-alt', { bubbles: true, composed: true, cancelable: true, detail });
      if (unchanged() && element.dispatchEvent(event) && unchanged() && !this.stopped) {
        result.text = String(detail.text);
        result.status = 'generated';
        this.marks.set(element, this.settings.prefix + result.text);
      }
    }
    this.watch.leave(element);
    this.results.push(result);
    this.tell(() => this.settings.onalt?.(result));
    if (result.error) this.tell(() => this.settings.onerror?.(result.error!, result));
  }

  /** A fault of the page's function is the page's to hear of; the next picture must not wait for it. */
  private tell(call: () => void): void {
    try {
      call();
    } catch (e) {
      reportError(e);
    }
  }

  private giveUp(element: Element, cause: unknown): void {
    this.marks.state(element, null);
    const error = asError(cause), { onerror } = this.settings;
    // Once `done` has settled there is nobody else to tell.
    if (!this.isDone) this.reject(error);
    else if (!onerror) reportError(error);
    this.isDone = true;
    this.tell(() => onerror?.(error, null));
    void this.stop();
  }

  // --- the end of what was there at the beginning

  private finish(): void {
    if (this.isDone) return;
    const open = (i: Item): boolean => i.first && (i.state === 'running' || (i.state === 'waiting' && ['ready', 'broken', 'loading'].includes(this.standing(i))));
    if (!this.stopped && [...this.items.values()].some(open)) return;
    this.isDone = true;
    const count = (status: AltResult['status']): number => this.results.filter((r) => r.status === status).length, items = [...this.items.values()];
    this.resolve({
      generated: count('generated'), failed: count('failed'), kept: count('kept'), waiting: items.filter((i) => i.state === 'waiting' && this.standing(i) !== 'none').length,
      left_out: items.filter((i) => i.state === 'left out').length, results: [...this.results],
    });
  }
}
