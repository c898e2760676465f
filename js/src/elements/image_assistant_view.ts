// The element's parts put together, drawn from one state; the one voice of the element; and where the keyboard's focus goes.

import { el, setAttribute, setText } from './dom.js';
import { CameraDialog, hasCameraProgram } from './image_assistant_camera.js';
import { Composer, Start, type ComposerActions } from './image_assistant_composer.js';
import { Head, type HeadActions } from './image_assistant_head.js';
import { Log } from './image_assistant_log.js';
import type { ModelState } from './image_assistant_model.js';
import { styles } from './image_assistant_styles.js';
import type { AssistantTexts, Numbers } from './image_assistant_texts.js';
import type { TurnActions } from './image_assistant_turn.js';
import type { AssistantPicture, AssistantSample, AssistantTurn } from './image_assistant_types.js';

export interface ViewState {
  texts: AssistantTexts;
  numbers: Numbers;
  pictures: readonly AssistantPicture[];
  samples: readonly AssistantSample[];
  questions: readonly string[];
  modelLang: string;
  turns: readonly AssistantTurn[];
  /** Null where the page has the model. */
  model: ModelState | null;
  busy: boolean;
  multiple: boolean;
  disabled: boolean;
  figures: boolean;
  canUndo: boolean;
  /** The turn that is read aloud. */
  speaking: number | null;
  /** The answer waits for the model. */
  waits: boolean;
  stage: { turn: AssistantTurn; stage: 'vision' | 'prefill'; percent: number } | null;
}

/** What people do: to be done by the element. */
export interface ViewActions extends Omit<ComposerActions, 'choose' | 'camera'>, HeadActions, TurnActions {
  files(files: File[]): void;
}

export class View {
  private readonly choose = el('input', { type: 'file', accept: 'image/*', hidden: true, 'aria-hidden': 'true', onchange: () => this.chosen(this.choose) });
  private readonly shoot = el('input', { type: 'file', accept: 'image/*', capture: 'environment', hidden: true, 'aria-hidden': 'true', onchange: () => this.chosen(this.shoot) });
  private readonly voice = el('p', { class: 'unseen', role: 'status' });
  private readonly camera: CameraDialog;
  private readonly start: Start;
  private readonly composer: Composer;
  private readonly head: Head;
  private readonly log: Log;
  private readonly dock: HTMLElement;
  private readonly frame: HTMLElement;
  private state: ViewState | null = null;
  private saying: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly root: ShadowRoot, private readonly actions: ViewActions) {
    const composing: ComposerActions = { ...actions, choose: () => this.choose.click(), camera: () => (hasCameraProgram() ? this.shoot.click() : this.camera.open()) };
    this.camera = new CameraDialog(() => this.state!.texts, (file) => actions.files([file]));
    this.start = new Start(composing);
    this.composer = new Composer(composing);
    this.composer.closed = () => this.focus();
    this.head = new Head(actions);
    // Messages lie over the conversation together with the field, so that neither hides the other.
    this.dock = el('div', { class: 'dock' }, this.composer.problems, this.composer.node);
    this.log = new Log({
      ...actions,
      edit: (turn, question) => {
        actions.edit(turn, question);
        this.focus();
      },
    }, this.dock);
    this.frame = el('div', { class: 'frame', part: 'frame' }, this.head.node, this.log.node, this.head.below, this.start.node, this.dock, this.voice, this.choose, this.shoot, this.camera.node);
    root.adoptedStyleSheets = [styles()];
    root.append(this.frame);
  }

  /** `follow`: the end of the conversation comes into view wherever the reader was. */
  draw(state: ViewState, follow = false): void {
    this.state = state;
    const { texts, numbers, turns, busy, pictures } = state, talking = turns.length > 0;
    const focused = this.root.activeElement, atEnd = follow || this.log.atEnd();
    this.frame.classList.toggle('talking', talking);
    this.frame.inert = state.disabled;
    setAttribute(this.frame, 'data-drop', texts.dropHere);
    this.choose.multiple = state.multiple;
    this.head.update({ texts, numbers, model: state.model, talking, something: talking || pictures.length > 0, busy, canUndo: state.canUndo });
    this.log.update(turns, texts.conversation, (turn, at) => ({
      texts, numbers, n: at + 1, later: turns.length - at - 1, busy, figures: state.figures, modelLang: state.modelLang, speaking: state.speaking === turn.id, waits: state.waits,
      stage: state.stage?.turn === turn ? state.stage : null,
    }));
    const composing = { texts, numbers, pictures, samples: state.samples, questions: state.questions, modelLang: state.modelLang, talking, busy };
    this.start.update(composing);
    this.composer.update(composing);
    this.camera.label();
    if (talking && atEnd) this.log.toEnd();
    // What had the focus is gone or hidden: the keyboard must not begin at the top of the page again.
    if (focused instanceof HTMLElement && focused.getClientRects().length === 0 && !state.disabled) this.focus();
  }

  /** To the question, or what comes before it; while an answer is made to what stops it. */
  focus(options?: FocusOptions): void {
    const { composer, start } = this;
    const target = [this.state?.busy ? composer.stop.node : null, composer.field, start.choose.node].find((node) => node && node.getClientRects().length > 0);
    target?.focus(options);
  }
  /** After a picture was removed: the next one's button. */
  focusPicture(at: number): void {
    this.composer.removeButton(at)?.focus();
  }
  focusUndo(): void {
    this.head.undo.node.focus();
  }

  /** Spoken by screen readers, seen by nobody. The same words are spoken again. */
  say(text: string): void {
    clearTimeout(this.saying);
    setText(this.voice, '');
    this.saying = setTimeout(() => setText(this.voice, text), 60);
  }
  /** A button says for a moment that it worked. */
  confirm(button: HTMLElement, text: string): void {
    const words = button.querySelector('.words');
    if (!words) return;
    const before = words.textContent ?? '';
    if (before === text) return;
    words.textContent = text;
    setTimeout(() => words.textContent === text && (words.textContent = before), 1800);
  }
  problem(text: string): void {
    this.composer.problem(text);
  }
  noProblems(): void {
    this.composer.problems.replaceChildren();
  }
  over(is: boolean): void {
    this.frame.classList.toggle('over', is);
  }
  question(text: string): void {
    this.composer.setQuestion(text);
  }
  /** The field is empty again where it was what was asked. */
  asked(text: string): void {
    if (this.composer.field.value.trim() === text) this.composer.setQuestion('');
  }
  closeCamera(): void {
    this.camera.close();
  }

  private chosen(input: HTMLInputElement): void {
    const files = [...(input.files ?? [])];
    // The same file may be chosen again.
    input.value = '';
    if (files.length) this.actions.files(files);
  }
}
