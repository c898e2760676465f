// Above the conversation: the state of the element's own model, and what can be done with the whole conversation.

import { button, el, icon, icons, setAttribute, setText } from './dom.js';
import { deviceName, fill, type AssistantTexts, type Numbers } from './image_assistant_texts.js';
import type { ModelState } from './image_assistant_model.js';

export interface HeadActions {
  load(): void;
  cancel(): void;
  save(format: 'text' | 'markdown' | 'json'): void;
  clear(): void;
  undo(): void;
}

export interface HeadState {
  texts: AssistantTexts;
  numbers: Numbers;
  /** Null where the page has the model. */
  model: ModelState | null;
  talking: boolean;
  /** Turns or pictures. */
  something: boolean;
  busy: boolean;
  /** What was cleared can be had back. */
  canUndo: boolean;
}

export class Head {
  private readonly text = el('span');
  private readonly numbers = el('span');
  private readonly progress = el('progress', { max: 1 });
  private readonly line = el('p', {}, this.text, this.numbers);
  private readonly bar = el('div', { class: 'bar' }, this.line, this.progress);
  private readonly load = button('button quiet small', null, () => this.actions.load());
  private readonly cancel = button('button quiet small', null, () => this.actions.cancel());
  private readonly failureText = el('p');
  private readonly failureMore = el('p', { class: 'detail', dir: 'auto' });
  private readonly again = button('button', 'again', () => this.actions.load());
  private readonly failure = el('div', { class: 'failure', part: 'error', role: 'alert' }, this.failureText, this.failureMore);
  private readonly model = el('section', { class: 'model', part: 'model' }, this.bar, this.load.node, this.cancel.node, this.failure, this.again.node);
  private readonly saveLabel = el('span');
  private readonly formats = (['text', 'markdown', 'json'] as const).map((format) => ({ format, ...button('button', null, () => {
    this.menu.open = false;
    this.summary.focus();
    this.actions.save(format);
  }) }));
  private readonly summary = el('summary', { part: 'button save' }, icon(icons.save), this.saveLabel);
  private readonly menu = el('details', { class: 'menu', onkeydown: (e) => this.menuKey(e as KeyboardEvent), onfocusout: (e) => this.menuLeft(e as FocusEvent) }, this.summary, el('div', { class: 'sheet', part: 'menu' }, ...this.formats.map((f) => f.node)));
  private readonly clear = button('button quiet small', 'clear', () => this.actions.clear(), 'button clear');
  private readonly tools = el('div', { class: 'tools-all', part: 'toolbar', role: 'group' }, this.menu, this.clear.node);
  private readonly undoText = el('span');
  readonly undo = button('button small', null, () => this.actions.undo());
  private readonly undoNote = el('p', { class: 'undo', part: 'undo' }, this.undoText, this.undo.node);
  readonly node = el('div', { class: 'head', part: 'head' }, this.model, this.tools);
  readonly below = this.undoNote;

  constructor(private readonly actions: HeadActions) {}

  update(s: HeadState): void {
    const { texts: t, model } = s;
    this.model.hidden = model === null;
    if (model) this.updateModel(model, s);
    this.tools.hidden = !s.something;
    this.node.hidden = this.model.hidden && this.tools.hidden;
    setAttribute(this.tools, 'aria-label', t.conversation);
    this.menu.hidden = !s.talking;
    setText(this.saveLabel, t.save);
    for (const f of this.formats) f.label({ text: t.saveText, markdown: t.saveMarkdown, json: t.saveJson }[f.format]);
    this.clear.label(t.clear);
    setText(this.undoText, t.cleared);
    this.undo.label(t.undo);
    this.undoNote.hidden = !s.canUndo;
  }

  private updateModel(model: ModelState, { texts: t, numbers, busy }: HeadState): void {
    const { state, loaded, total, percent } = model, fetching = state === 'loading' && total > 0 && loaded < total;
    setAttribute(this.model, 'aria-label', t.model);
    this.model.classList.toggle('wide', state === 'loading' || state === 'failed');
    this.bar.hidden = state === 'failed';
    setText(this.text, state === 'none' ? t.modelNone : state === 'ready' ? fill(t.modelReady, { device: deviceName(model.pipeline!.device) }) : busy ? t.modelWait : t.modelLoading);
    setText(this.numbers, fetching ? fill(t.modelBytes, { loaded: numbers.bytes(loaded), total: numbers.bytes(total), percent: numbers.percent(loaded / total) }) : '');
    this.progress.hidden = state !== 'loading';
    setAttribute(this.progress, 'aria-label', t.modelLoading);
    if (fetching) this.progress.value = loaded / total;
    else if (percent !== null && percent < 100) this.progress.value = percent / 100;
    else this.progress.removeAttribute('value');
    this.load.node.hidden = state !== 'none';
    this.load.label(t.modelLoad);
    this.cancel.node.hidden = state !== 'loading';
    this.cancel.label(t.cancel);
    this.failure.hidden = this.again.node.hidden = state !== 'failed';
    setText(this.failureText, state === 'failed' ? t.modelFailed : '');
    setText(this.failureMore, model.error?.message ?? '');
    this.again.label(t.modelRetry);
  }

  private menuKey(event: KeyboardEvent): void {
    if (!this.menu.open) return;
    const buttons = this.formats.map((f) => f.node), root = this.node.getRootNode() as ShadowRoot, at = buttons.indexOf(root.activeElement as HTMLButtonElement);
    if (event.key === 'Escape') {
      this.menu.open = false;
      this.summary.focus();
    } else if (event.key === 'ArrowDown') buttons[Math.min(at + 1, buttons.length - 1)]!.focus();
    else if (event.key === 'ArrowUp') (at > 0 ? buttons[at - 1]! : this.summary).focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  private menuLeft(event: FocusEvent): void {
    if (!this.menu.contains(event.relatedTarget as Node | null)) this.menu.open = false;
  }
}
