// One turn on the page: the question with its pictures, the answer as it is made, and what can be done with it.

import { button, el, setAttribute, setText } from './dom.js';
import { deviceName, fill, type AssistantTexts, type Numbers } from './image_assistant_texts.js';
import { canSpeak } from './image_assistant_speech.js';
import type { AssistantPicture, AssistantTurn } from './image_assistant_types.js';

/** What a turn shows beside itself. */
export interface TurnAround {
  texts: AssistantTexts;
  numbers: Numbers;
  /** Its place, from 1; how many come after it. */
  n: number;
  later: number;
  busy: boolean;
  figures: boolean;
  /** Of the answer, where it is not the page's. */
  modelLang: string;
  speaking: boolean;
  /** The model is not there yet. */
  waits: boolean;
  stage: { stage: 'vision' | 'prefill'; percent: number } | null;
}

export interface TurnActions {
  retry(turn: AssistantTurn): void;
  edit(turn: AssistantTurn, question: string): void;
  /** `from` shows that it worked. */
  copy(text: string, from: HTMLElement): void;
  speak(turn: AssistantTurn): void;
}

/** The name is all that is known of what it shows; where it stands beside, it is not said twice. */
export function thumbnail(picture: AssistantPicture, named = false): HTMLImageElement {
  return el('img', { src: picture.url, alt: named ? '' : picture.name, class: 'thumb', part: 'thumbnail', decoding: 'async', draggable: 'false' });
}

export class TurnView {
  private readonly question = el('p', { class: 'question', dir: 'auto' });
  private readonly pictures = el('ul', { class: 'thumbs' });
  private readonly editButton = button('button bare small', 'edit', () => this.openEditor(true));
  private readonly editLabel = el('label', { class: 'unseen' });
  private readonly editField = el('textarea', { rows: 2, maxlength: 20000, dir: 'auto', onkeydown: (e) => this.editKey(e as KeyboardEvent), oninput: () => this.editSave.node.disabled = !this.editField.value.trim() });
  private readonly editNote = el('p', { class: 'note' });
  private readonly editSave = button('button primary', null, () => this.saveEdit());
  private readonly editCancel = button('button quiet', null, () => this.openEditor(false));
  private readonly editor = el('div', { class: 'editor', hidden: true }, this.editLabel, this.editField, this.editNote, el('div', { class: 'row end' }, this.editCancel.node, this.editSave.node));
  private readonly thoughtsTitle = el('summary');
  private readonly thoughtsText = el('div', { class: 'prose muted', dir: 'auto' });
  private readonly thoughts = el('details', { class: 'thoughts', part: 'thoughts' }, this.thoughtsTitle, this.thoughtsText);
  private readonly stageText = el('span');
  private readonly stage = el('p', { class: 'stage' }, el('span', { class: 'dots', 'aria-hidden': 'true' }, el('i'), el('i'), el('i')), this.stageText);
  private readonly answer = el('div', { class: 'prose', part: 'answer-text', dir: 'auto' });
  private readonly note = el('p', { class: 'note' });
  private readonly failureText = el('p');
  private readonly failureMore = el('p', { class: 'detail', dir: 'auto' });
  private readonly retry = button('button', 'again', () => this.actions.retry(this.turn));
  private readonly failure = el('div', { class: 'failure', part: 'error' }, this.failureText, this.failureMore);
  private readonly altRows = el('dl', { class: 'alts', part: 'alt' });
  private readonly copy = button('button quiet small', 'copy', () => this.actions.copy(this.turn.answer, this.copy.node));
  private readonly speak = button('button quiet small', 'speak', () => this.actions.speak(this.turn));
  private readonly again = button('button quiet small', 'again', () => this.actions.retry(this.turn));
  private readonly tools = el('div', { class: 'tools', part: 'tools' }, this.copy.node, this.speak.node, this.again.node);
  private readonly figures = el('p', { class: 'figures', part: 'figures' });
  private readonly said = el('div', { class: 'said', part: 'question' }, this.pictures, el('div', { class: 'bubble' }, this.question, this.editButton.node), this.editor);
  private readonly reply = el('div', { class: 'reply', part: 'answer' }, this.thoughts, this.stage, this.answer, this.note, this.altRows, this.failure, this.retry.node, this.figures, this.tools);
  readonly node = el('div', { class: 'turn', part: 'turn', role: 'group' }, this.said, this.reply);
  private around: TurnAround | null = null;
  private shownAlt: string | null = null;

  constructor(readonly turn: AssistantTurn, private readonly actions: TurnActions) {
    this.pictures.append(...turn.pictures.map((p) => el('li', {}, thumbnail(p))));
    this.pictures.hidden = turn.pictures.length === 0;
    // Several editors may be open at once.
    this.editLabel.htmlFor = this.editField.id = `edit-${turn.id}`;
    this.editNote.id = `edit-note-${turn.id}`;
  }

  /** Shows the turn as it is now; nothing that has not changed is touched. */
  update(around: TurnAround): void {
    this.around = around;
    const { turn } = this, { texts: t } = around;
    setAttribute(this.node, 'aria-label', fill(t.turn, { n: around.n }));
    this.node.dataset.state = turn.state;
    setText(this.question, turn.question);
    this.updateEditor(around);
    this.updateAnswer(around);

    const last = around.later === 0, ended = turn.state !== 'waiting' && turn.state !== 'answering', whole = ended && turn.answer !== '';
    this.failure.hidden = turn.state !== 'failed';
    setText(this.failureText, t.failed);
    setText(this.failureMore, turn.error?.message ?? '');
    this.retry.node.hidden = !(ended && !whole) || around.busy;
    this.retry.label(t.retry);
    this.copy.label(t.copy);
    this.again.label(turn.state === 'done' ? t.again : t.retry);
    this.speak.label(around.speaking ? t.silence : t.speak);
    this.speak.node.hidden = !canSpeak();
    this.copy.node.hidden = turn.kind === 'alt' && turn.alt !== null;
    this.again.node.hidden = !last || around.busy;
    this.tools.hidden = !whole;
    this.updateAlt(around);
    setText(this.figures, around.figures && turn.figures ? figuresLine(turn, around) : '');
    this.figures.hidden = this.figures.textContent === '';
  }

  private updateAnswer({ texts: t, waits, stage, numbers, modelLang }: TurnAround): void {
    const { turn } = this, running = turn.state === 'waiting' || turn.state === 'answering';
    setText(this.thoughtsTitle, t.thoughts);
    setText(this.thoughtsText, turn.thoughts);
    this.thoughts.hidden = turn.thoughts === '';
    this.stage.hidden = !(running && turn.answer === '');
    if (!this.stage.hidden) {
      const words = waits ? t.waiting : stage?.stage === 'prefill' ? t.reading : t.looking;
      setText(this.stageText, stage && !waits && stage.percent > 0 && stage.percent < 100 ? `${words} ${numbers.percent(stage.percent / 100)}` : words);
    }
    setAttribute(this.answer, 'aria-busy', String(running));
    setAttribute(this.answer, 'lang', modelLang || null);
    this.showText(turn.alt ? '' : turn.answer);
    this.answer.hidden = this.answer.textContent === '';
    setText(this.note, turn.state === 'stopped' ? t.stopped : turn.state === 'done' && turn.answer === '' ? t.empty : turn.figures?.finish_reason === 'length' ? t.cutOff : '');
    this.note.hidden = this.note.textContent === '';
  }

  /** What is there stays, so that a selection in it survives and long answers are not laid out anew with each piece. */
  private showText(text: string): void {
    const node = this.answer.firstChild, before = node?.nodeValue ?? '';
    if (text === before) return;
    if (node instanceof Text && before && text.startsWith(before)) node.appendData(text.slice(before.length));
    else this.answer.replaceChildren(text);
  }

  private updateAlt({ texts: t, modelLang }: TurnAround): void {
    const { alt } = this.turn, key = alt && [alt.html, t.altPlain, t.altHtml, t.copyAlt, t.copyHtml].join('\n');
    this.altRows.hidden = alt === null;
    if (key === this.shownAlt) return;
    this.shownAlt = key;
    const row = (name: string, value: string, code: boolean, label: string): HTMLElement => {
      const copy = button('button small', 'copy', () => this.actions.copy(value, copy.node));
      copy.label(label);
      return el('div', {}, el('dt', {}, name), el('dd', {}, code ? el('code', { dir: 'ltr' }, value) : el('span', { dir: 'auto', lang: modelLang || null }, value), copy.node));
    };
    this.altRows.replaceChildren(...(alt ? [row(t.altPlain, alt.plain, false, t.copyAlt), row(t.altHtml, alt.html, true, t.copyHtml)] : []));
  }

  private updateEditor({ texts: t, busy, later }: TurnAround): void {
    this.editButton.label('', t.edit);
    this.editButton.node.hidden = busy || !this.editor.hidden || this.turn.kind === 'alt';
    if (busy && !this.editor.hidden) this.openEditor(false, false);
    setText(this.editLabel, t.editLabel);
    this.editSave.label(t.editSave);
    this.editCancel.label(t.cancel);
    setText(this.editNote, later > 0 ? fill(t.editDrops, { n: later }) : '');
    this.editNote.hidden = later === 0;
    setAttribute(this.editField, 'aria-describedby', later > 0 ? this.editNote.id : null);
  }

  private openEditor(open: boolean, focus = true): void {
    this.editor.hidden = !open;
    this.question.parentElement!.hidden = open;
    this.editButton.node.hidden = open;
    if (open) {
      this.editField.value = this.turn.question;
      this.editSave.node.disabled = false;
      if (this.around) this.updateEditor(this.around);
      this.editField.focus();
      this.editField.select();
    } else if (focus) this.editButton.node.focus();
  }

  private editKey(event: KeyboardEvent): void {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.saveEdit();
    } else if (event.key === 'Escape') {
      event.preventDefault();
      event.stopPropagation();
      this.openEditor(false);
    }
  }

  private saveEdit(): void {
    const question = this.editField.value.trim();
    if (!question) return;
    this.openEditor(false, false);
    this.actions.edit(this.turn, question);
  }
}

function figuresLine({ figures }: AssistantTurn, { texts: t, numbers }: TurnAround): string {
  // The speed of a few tokens is that of the clock.
  const { timings, memory, device, completion_tokens } = figures!;
  return [
    fill(t.first, { time: numbers.seconds(timings.first_token_ms) }),
    timings.decode_tok_s && completion_tokens > 8 ? fill(t.speed, { n: numbers.number(timings.decode_tok_s, timings.decode_tok_s < 10 ? 1 : 0) }) : '',
    fill(t.memory, { size: numbers.bytes(memory.wasm_bytes + memory.gpu_bytes) }),
    deviceName(device),
  ].filter(Boolean).join(' · ');
}
