// Where the next question is made: its pictures, ready-made questions, the field, and what went wrong with files.

import { button, el, icon, icons, setAttribute, setText } from './dom.js';
import { canUseCamera, hasCameraProgram } from './image_assistant_camera.js';
import { fill, type AssistantTexts, type Numbers } from './image_assistant_texts.js';
import { thumbnail } from './image_assistant_turn.js';
import type { AssistantPicture, AssistantSample } from './image_assistant_types.js';

export interface ComposerActions {
  choose(): void;
  camera(): void;
  sample(sample: AssistantSample): void;
  remove(picture: AssistantPicture): void;
  describe(): void;
  read(): void;
  alt(): void;
  ask(question: string): void;
  stop(): void;
}

export interface ComposerState {
  texts: AssistantTexts;
  numbers: Numbers;
  pictures: readonly AssistantPicture[];
  samples: readonly AssistantSample[];
  /** Ready-made, and their language where it is not the page's. */
  questions: readonly string[];
  modelLang: string;
  /** There are turns. */
  talking: boolean;
  busy: boolean;
}

/** What is shown before the first picture. */
export class Start {
  private readonly title = el('h2');
  private readonly how = el('p', { class: 'muted' });
  private readonly safe = el('p', { class: 'note' });
  readonly choose = button('button primary', 'plus', () => this.actions.choose());
  private readonly camera = button('button', 'camera', () => this.actions.camera());
  private readonly sampleTitle = el('p', { id: 'samples-title' });
  private readonly sampleList = el('div', { class: 'row middle', role: 'group', 'aria-labelledby': 'samples-title' });
  private readonly samples = el('div', { class: 'samples', part: 'samples' }, this.sampleTitle, this.sampleList);
  private shown: readonly AssistantSample[] = [];
  readonly node = el('section', { class: 'start', part: 'start' }, el('div', { class: 'say' }, bigIcon(), this.title, this.how),
    el('div', { class: 'row middle' }, this.choose.node, this.camera.node), this.samples, this.safe);

  constructor(private readonly actions: ComposerActions) {}

  update({ texts: t, samples, pictures, talking }: ComposerState): void {
    this.node.hidden = talking || pictures.length > 0;
    setAttribute(this.node, 'aria-label', t.add);
    setText(this.title, t.addFirst);
    setText(this.how, t.addHow);
    setText(this.safe, t.private);
    this.choose.label(t.choose);
    this.camera.label(t.camera);
    this.camera.node.hidden = !canUseCamera();
    setText(this.sampleTitle, t.samples);
    this.samples.hidden = samples.length === 0;
    if (samples === this.shown) return;
    this.shown = samples;
    this.sampleList.replaceChildren(...samples.map((s) =>
      el('button', { type: 'button', part: 'sample', 'aria-label': s.alt || s.name, title: s.name, onclick: () => this.actions.sample(s) }, el('img', { src: s.src, alt: '', decoding: 'async' }))));
  }
}

function bigIcon(): SVGSVGElement {
  const svg = icon(icons.picture);
  svg.classList.add('big');
  return svg;
}

export class Composer {
  private readonly strip = el('ul', { class: 'strip', part: 'pictures' });
  private readonly describe = button('button', null, () => this.act(() => this.actions.describe()));
  private readonly read = button('button', null, () => this.act(() => this.actions.read()));
  private readonly alt = button('button', null, () => this.act(() => this.actions.alt()));
  private readonly actionRow = el('div', { class: 'actions', part: 'actions', role: 'group' }, this.describe.node, this.read.node, this.alt.node);
  readonly field = el('textarea', { id: 'question', rows: 1, maxlength: 20000, dir: 'auto', part: 'question-field', enterkeyhint: 'send', autocomplete: 'off', onkeydown: (e) => this.key(e as KeyboardEvent), oninput: () => this.grow() });
  private readonly fieldLabel = el('label', { for: 'question', class: 'unseen' });
  private readonly add = button('button bare', 'plus', () => this.actions.choose());
  private readonly camera = button('button bare', 'camera', () => this.actions.camera());
  private readonly ask = button('button primary', 'send', () => undefined, 'button ask');
  readonly stop = button('button halt', 'stop', () => this.actions.stop(), 'button stop');
  private readonly form = el('form', { class: 'write', part: 'form', novalidate: true, onsubmit: (e) => this.submit(e) }, this.fieldLabel, this.add.node, this.camera.node, this.field, this.ask.node, this.stop.node);
  private readonly chips = el('div', { class: 'chips', part: 'examples', role: 'group' });
  readonly problems = el('div', { class: 'problems', part: 'problems', role: 'alert' });
  readonly node = el('section', { class: 'composer', part: 'composer' }, el('div', { class: 'card', part: 'card' }, this.strip, this.actionRow, this.form), this.chips);
  private state: ComposerState | null = null;
  private readonly items = new Map<number, { node: HTMLLIElement; remove: ReturnType<typeof button>; facts: HTMLElement }>();
  private shownExamples = '';

  constructor(private readonly actions: ComposerActions) {
    this.ask.node.type = 'submit';
  }

  update(state: ComposerState): void {
    this.state = state;
    const { texts: t, pictures, questions, talking, busy } = state, examples = questions.join('\n');
    this.node.hidden = !talking && pictures.length === 0;
    setAttribute(this.node, 'aria-label', t.question);
    this.updateStrip(state);
    setAttribute(this.actionRow, 'aria-label', t.actions);
    for (const [b, text] of [[this.describe, t.describe], [this.read, t.read], [this.alt, t.alt]] as const) {
      b.label(text);
      // Not `disabled`: that would throw the keyboard's focus away in the moment in which it was used.
      setAttribute(b.node, 'aria-disabled', busy ? 'true' : null);
    }
    setText(this.fieldLabel, t.question);
    this.field.placeholder = talking && pictures.length === 0 ? t.followUp : t.placeholder;
    this.add.label('', t.add);
    this.camera.label('', t.camera);
    // Choosing a file offers the camera there anyway.
    this.camera.node.hidden = hasCameraProgram() || !canUseCamera();
    this.ask.label(t.ask);
    this.stop.label(t.stop);
    this.ask.node.hidden = busy;
    this.stop.node.hidden = !busy;
    this.chips.hidden = talking;
    setAttribute(this.chips, 'aria-label', t.examplesLabel);
    if (examples !== this.shownExamples) {
      this.shownExamples = examples;
      this.chips.replaceChildren(...questions.map((question) => {
        const chip = button('button', null, () => this.act(() => this.actions.ask(question)), 'button example');
        chip.label(question);
        setAttribute(chip.node, 'lang', state.modelLang || null);
        return chip.node;
      }));
    }
  }

  private updateStrip({ texts: t, numbers, pictures }: ComposerState): void {
    setAttribute(this.strip, 'aria-label', t.pictures);
    this.strip.hidden = pictures.length === 0;
    for (const [id, item] of this.items) {
      if (pictures.some((p) => p.id === id)) continue;
      item.node.remove();
      this.items.delete(id);
    }
    for (const p of pictures) {
      let item = this.items.get(p.id);
      if (!item) {
        const remove = button('button bare', 'close', () => this.actions.remove(p)), facts = el('p', { class: 'facts' });
        item = { node: el('li', { part: 'picture' }, thumbnail(p, true), el('p', { class: 'name', title: p.name, dir: 'auto' }, p.name), facts, remove.node), remove, facts };
        this.items.set(p.id, item);
        this.strip.append(item.node);
      }
      item.remove.label('', fill(t.remove, { name: p.name }));
      setText(item.facts, fill(t.pictureFacts, { width: numbers.number(p.width), height: numbers.number(p.height), size: numbers.bytes(p.file.size) }));
    }
  }

  /** The button that removes the picture in this place, or the last one. */
  removeButton(at: number): HTMLElement | null {
    const all = [...this.items.values()];
    return (all[Math.min(at, all.length - 1)] ?? null)?.remove.node ?? null;
  }

  /** A message that stays until it is closed or the next pictures are added. */
  problem(text: string): void {
    const t = this.state!.texts, close = button('button bare small', 'close', () => {
      const next = line.nextElementSibling ?? line.previousElementSibling;
      line.remove();
      const target = next?.querySelector('button') ?? (this.node.hidden ? null : this.field);
      if (target) target.focus();
      else this.closed?.();
    });
    close.label('', t.dismiss);
    const line = el('div', { class: 'problem', part: 'problem' }, el('p', {}, text), close.node);
    this.problems.append(line);
  }
  /** Where the focus goes when the last message is closed and there is no field yet. */
  closed: (() => void) | null = null;

  setQuestion(text: string): void {
    this.field.value = text;
    this.grow();
  }

  private act(what: () => void): void {
    if (!this.state?.busy) what();
  }

  private submit(event: Event): void {
    event.preventDefault();
    if (this.state?.busy) return;
    const question = this.field.value.trim();
    // Nothing written about new pictures is the commonest question.
    if (!question && this.state?.pictures.length) this.actions.describe();
    else this.actions.ask(question);
  }

  private key(event: KeyboardEvent): void {
    // While a word is being composed (Japanese, Chinese, …) Enter ends the word.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    this.submit(event);
  }

  /** As high as its text, up to the limit in the style sheet. */
  grow(): void {
    this.field.style.blockSize = 'auto';
    const { scrollHeight, offsetHeight, clientHeight } = this.field;
    if (scrollHeight) this.field.style.blockSize = `${scrollHeight + offsetHeight - clientHeight}px`;
  }
}
