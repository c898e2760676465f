// <galago-image-assistant>: pictures in, questions, answers that are made on the person's own device.

import { GalagoError, type Pipeline } from '../index.js';
import { copyText, download } from './dom.js';
import { Conversation } from './image_assistant_conversation.js';
import { toJSON, toMarkdown, toText, type ExportWords } from './image_assistant_export.js';
import { listen } from './image_assistant_intake.js';
import { OwnModel } from './image_assistant_model.js';
import { PictureError } from './image_assistant_pictures.js';
import { AssistantSettings } from './image_assistant_settings.js';
import { Speech } from './image_assistant_speech.js';
import { deviceName, fill } from './image_assistant_texts.js';
import type { AssistantPicture, AssistantSample, AssistantTurn } from './image_assistant_types.js';
import { View } from './image_assistant_view.js';
import { named, Waiting } from './image_assistant_waiting.js';

export type { AltText, AssistantPicture, AssistantSample, AssistantTurn } from './image_assistant_types.js';
export type { AssistantTexts } from './image_assistant_texts.js';

/** What the events of the element carry in `detail`. */
export interface AssistantEvents {
  'galago-answer': AssistantTurn;
  'galago-error': Error;
  'galago-busy': boolean;
  'galago-pictures': readonly AssistantPicture[];
  'galago-progress': import('../index.js').ProgressInfo;
}

export class GalagoImageAssistant extends AssistantSettings {
  static readonly observedAttributes = ['model', 'device', 'prompt', 'multiple', 'disabled', 'figures', 'lang', 'model-lang'];

  private readonly waiting = new Waiting();
  /** Those that came from a sample. */
  private readonly tried = new WeakMap<AssistantPicture, AssistantSample>();
  private cleared: { turns: AssistantTurn[]; pictures: readonly AssistantPicture[] } | null = null;
  private stage: { turn: AssistantTurn; stage: 'vision' | 'prefill'; percent: number } | null = null;
  private waitsForModel = false;
  private modelState = 'none';
  private lastModel = '';
  private connection: AbortController | null = null;
  private drawing: (() => void) | null = null;

  private readonly own = new OwnModel(() => this.modelChanged(), (event) => this.tell('galago-progress', event));
  private readonly talk = new Conversation({
    pipeline: (signal) => this.pipeline(signal),
    generation: () => this.generation,
    context: () => this.options.context,
    apart: () => this.apart,
    turnsChanged: () => this.draw(true),
    turnChanged: () => this.drawSoon(),
    stage: (turn, stage, percent) => {
      this.stage = { turn, stage, percent };
      this.drawSoon();
    },
    busyChanged: (busy) => {
      this.stage = null;
      this.draw();
      this.tell('galago-busy', busy);
    },
    ended: (turn) => this.ended(turn),
  }, () => this.words);
  private readonly speech = new Speech(() => this.drawSoon(), () => this.view.problem(this.words.noVoice));
  private readonly view = new View(this.attachShadow({ mode: 'open' }), {
    files: (files) => void this.addPictures(files),
    sample: (s) => void this.addSample(s),
    remove: (picture) => this.removePicture(picture),
    describe: () => this.attempt(() => this.describe()),
    read: () => this.attempt(() => this.read()),
    alt: () => this.attempt(() => this.altText()),
    ask: (question) => this.attempt(async () => {
      const { turns } = this.talk, asked = this.ask(question);
      // What could not be asked stays in the field.
      if (this.talk.turns !== turns) this.view.asked(question);
      await asked;
    }),
    stop: () => this.stop(),
    retry: (turn) => this.attempt(() => this.talk.retry(turn)),
    edit: (turn, question) => this.attempt(() => this.talk.edit(turn, question)),
    copy: (text, from) => void this.copy(text, from),
    speak: (turn) => (this.speech.id === turn.id ? this.speech.stop() : this.speech.speak(turn.id, turn.alt?.plain ?? turn.answer, this.modelLang || this.language)),
    load: () => void this.own.get(this.model, this.modelOptions).catch(() => undefined),
    cancel: () => this.own.dispose(),
    save: (format) => this.save(format),
    clear: () => this.clear(),
    undo: () => this.undo(),
  });

  // ---- on the page and off it ----

  connectedCallback(): void {
    if (this.connection) return; // moved
    this.upgrade();
    this.connection = new AbortController();
    const { signal } = this.connection;
    listen(this, {
      over: (is) => this.view.over(is),
      pictures: (list, how) => {
        if (list.length) void this.addPictures(how === 'pasted' ? list.map((f) => named(f, this.words)) : list);
        else this.problem(new PictureError(this.words.nothing));
      },
      escape: () => {
        if (!this.talk.busy) return false;
        this.stop();
        return true;
      },
    }, signal);
    this.readLanguage();
    this.draw();
  }

  disconnectedCallback(): void {
    // Moving an element takes it off the page for a moment.
    queueMicrotask(() => {
      if (this.isConnected || !this.connection) return;
      this.connection.abort();
      this.connection = null;
      this.talk.clear();
      this.speech.stop();
      this.own.dispose();
      this.view.closeCamera();
      this.waiting.list = [];
      this.cleared = null;
      this.draw();
    });
  }

  attributeChangedCallback(name: string, before: string | null, value: string | null): void {
    if (before === value) return;
    if (name === 'model' || name === 'device') this.dropModel();
    if (name === 'prompt') this.view.question(value ?? '');
    if (name === 'lang') this.readLanguage();
    if (this.connection) this.draw();
  }

  // ---- what there is ----

  /** Those that the next question goes with. */
  get pictures(): readonly AssistantPicture[] {
    return this.waiting.list;
  }
  get conversation(): readonly AssistantTurn[] {
    return this.talk.turns;
  }
  /** An answer is being made. */
  get busy(): boolean {
    return this.talk.busy;
  }

  // ---- pictures ----

  /** Adds files, blobs or addresses to the next question. What is no picture is told to the person; resolves with those that were added. */
  async addPictures(list: Iterable<File | Blob | string | URL>): Promise<AssistantPicture[]> {
    const connection = this.connection, added: AssistantPicture[] = [];
    if (!connection) throw new GalagoError('argument', 'The element is not on the page: put it there before pictures are added to it');
    this.view.noProblems();
    for (const item of list) {
      try {
        const picture = await this.waiting.add(item, this.multiple, this.words, connection.signal);
        if (!picture) return added;
        this.cleared = null;
        added.push(picture);
        this.draw(true);
      } catch (error) {
        if (connection.signal.aborted) return added;
        this.problem(error);
      }
    }
    if (added.length) {
      this.view.say(added.map((p) => fill(this.words.added, { name: p.name })).join('. '));
      this.tell('galago-pictures', this.waiting.list);
    }
    return added;
  }

  private async addSample(sample: AssistantSample): Promise<void> {
    const [added] = await this.addPictures([sample.src]);
    if (!added) return;
    this.tried.set(added, sample);
    this.draw();
    this.view.focus();
  }

  private removePicture(picture: AssistantPicture): void {
    const at = this.waiting.list.indexOf(picture);
    this.waiting.without(picture);
    this.draw();
    if (this.waiting.list.length) this.view.focusPicture(at);
    else this.view.focus();
    this.view.say(fill(this.words.removed, { name: picture.name }));
    this.tell('galago-pictures', this.waiting.list);
  }

  // ---- questions ----

  /** Each resolves when its answer has ended, in whatever way: see `state` of the turn. */
  describe(): Promise<AssistantTurn> {
    return this.start('describe', this.waiting.list.length > 1 ? this.words.describeManyPrompt : this.words.describePrompt);
  }
  read(): Promise<AssistantTurn> {
    return this.start('read', this.words.readPrompt);
  }
  async ask(text: string): Promise<AssistantTurn> {
    const question = String(text ?? '').trim();
    if (!question) throw new GalagoError('argument', this.words.noQuestion);
    return this.start('ask', question);
  }
  /** One turn for each picture, since each needs a text of its own: the new pictures, or those of the question before. */
  async altText(): Promise<AssistantTurn[]> {
    this.mustBeReady();
    const pictures = this.waiting.list.length ? this.waiting.list : this.talk.turns.findLast((t) => t.pictures.length)!.pictures, turns: AssistantTurn[] = [];
    for (const picture of pictures) {
      this.take(picture);
      const turn = await this.talk.ask('alt', this.words.altPrompt, [picture]);
      turns.push(turn);
      if (turn.state !== 'done' || !this.connection) break;
    }
    return turns;
  }

  private async start(kind: AssistantTurn['kind'], question: string): Promise<AssistantTurn> {
    this.mustBeReady();
    const pictures = this.waiting.list;
    this.take();
    return this.talk.ask(kind, question, pictures);
  }
  private mustBeReady(): void {
    if (!this.connection) throw new GalagoError('argument', 'The element is not on the page');
    if (this.talk.busy) throw new GalagoError('argument', this.words.busy);
    if (!this.waiting.list.length && !this.talk.turns.some((t) => t.pictures.length)) throw new GalagoError('argument', this.words.noPicture);
  }
  /** Pictures go from the field into a turn. */
  private take(only?: AssistantPicture): void {
    const before = this.waiting.list.length;
    if (only) this.waiting.without(only);
    else this.waiting.list = [];
    this.cleared = null;
    this.view.noProblems();
    if (this.waiting.list.length !== before) this.tell('galago-pictures', this.waiting.list);
  }

  /** Ends the answer; what there is of it stays. */
  stop(): void {
    this.talk.stop();
  }
  /** Answers turn `i` again, the last one without a number. */
  async retry(i = this.talk.turns.length - 1): Promise<AssistantTurn> {
    return this.talk.retry(this.turn(i));
  }
  /** Asks something else in place of turn `i`; later turns go. */
  async edit(i: number, text: string): Promise<AssistantTurn> {
    const question = String(text ?? '').trim();
    if (!question) throw new GalagoError('argument', this.words.noQuestion);
    return this.talk.edit(this.turn(i), question);
  }
  private turn(i: number): AssistantTurn {
    const turn = this.talk.turns[i];
    if (!turn) throw new GalagoError('argument', `There is no turn ${i}: the conversation has ${this.talk.turns.length}`);
    return turn;
  }

  /** Ready-made ones: those of a sample, or general ones. */
  private questions(): readonly string[] {
    const [first, second] = this.waiting.list, own = first && !second && this.tried.get(first)?.questions;
    return own || this.words.examples.split('\n').filter(Boolean);
  }

  // ---- the whole conversation ----

  /** Takes pictures and conversation away; the person can have them back until something new begins. */
  clear(): void {
    const pictures = this.waiting.list, { turns } = this.talk;
    // Kept before they go, or their pictures would be given back.
    if (turns.length || pictures.length) this.cleared = { turns, pictures };
    this.talk.clear();
    this.speech.stop();
    this.waiting.list = [];
    this.view.noProblems();
    const focused = this.matches(':focus-within');
    this.draw();
    if (!this.cleared) return;
    if (focused) this.view.focusUndo();
    this.view.say(this.words.cleared);
    if (pictures.length) this.tell('galago-pictures', this.waiting.list);
  }

  private undo(): void {
    const { cleared } = this;
    if (!cleared) return;
    this.cleared = null;
    this.waiting.list = cleared.pictures;
    this.talk.restore(cleared.turns);
    this.view.focus();
    this.view.say(this.words.restored);
    if (this.waiting.list.length) this.tell('galago-pictures', this.waiting.list);
  }

  toText(): string {
    return toText(this.talk.turns, this.exportWords());
  }
  toMarkdown(): string {
    return toMarkdown(this.talk.turns, this.exportWords());
  }
  toJSON(): string {
    const { model } = this;
    return toJSON(this.talk.turns, { model: this.lastModel || (typeof model === 'string' ? model : ''), saved: new Date() });
  }

  private exportWords(): ExportWords {
    const t = this.words, n = this.numbers;
    return {
      you: t.you, answer: t.answer,
      pictures: (turn) => turn.pictures.map((p) => `${p.name} (${fill(t.pictureFacts, { width: n.number(p.width), height: n.number(p.height), size: n.bytes(p.file.size) })})`).join('; '),
      note: (turn) => (turn.state === 'stopped' ? t.stopped : turn.state === 'failed' ? `${t.failed} ${turn.error?.message ?? ''}`.trim() : turn.figures?.finish_reason === 'length' ? t.cutOff : ''),
    };
  }

  private save(format: 'text' | 'markdown' | 'json'): void {
    const [end, type, text] = { text: ['txt', 'text/plain', this.toText()], markdown: ['md', 'text/markdown', this.toMarkdown()], json: ['json', 'application/json', this.toJSON()] }[format] as [string, string, string];
    const name = `${this.words.fileName}-${new Date().toISOString().slice(0, 16).replace(/[T:]/g, '-')}.${end}`;
    download(name, type, text);
    this.view.say(fill(this.words.saved, { name }));
  }

  private async copy(text: string, from: HTMLElement): Promise<void> {
    const done = await copyText(text, from);
    if (!done) return this.problem(new PictureError(this.words.notCopied));
    this.view.say(this.words.copied);
    this.view.confirm(from, this.words.copied);
  }

  // ---- the model ----

  private async pipeline(signal: AbortSignal): Promise<Pipeline> {
    this.waitsForModel = true;
    this.drawSoon();
    const stopped = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }));
    try {
      const vl = await Promise.race([this.provider ? this.provider() : this.own.get(this.model, this.modelOptions), stopped]);
      this.lastModel = vl.model;
      return vl;
    } finally {
      this.waitsForModel = false;
      this.drawSoon();
    }
  }

  protected override dropModel(): void {
    this.talk.stop();
    this.talk.forget();
    this.own.dispose();
    this.changed();
  }

  private modelChanged(): void {
    const { state, pipeline } = this.own.current;
    if (state !== this.modelState && state === 'ready') this.view.say(fill(this.words.modelReady, { device: deviceName(pipeline!.device) }));
    this.modelState = state;
    this.drawSoon();
  }

  // ---- drawing and telling ----

  protected override changed(): void {
    if (this.connection) this.draw();
  }

  private draw(follow = false): void {
    this.drawing?.();
    this.drawing = null;
    this.waiting.sweep([this.talk.turns, this.cleared?.turns ?? []].flat().flatMap((t) => t.pictures).concat(this.cleared?.pictures ?? []));
    this.view.draw({
      texts: this.words, numbers: this.numbers, pictures: this.waiting.list, samples: this.samples, questions: this.questions(), modelLang: this.modelLang, turns: this.talk.turns, model: this.provider ? null : this.own.current,
      busy: this.talk.busy, multiple: this.multiple, disabled: this.disabled, figures: this.hasAttribute('figures'), canUndo: this.cleared !== null, speaking: this.speech.id,
      waits: this.waitsForModel, stage: this.stage,
    }, follow);
  }

  /** Once for all that comes before the next frame. Pages in the background have no frames. */
  private drawSoon(): void {
    if (this.drawing || !this.connection) return;
    if (document.hidden) {
      const timer = setTimeout(() => this.draw(), 200);
      this.drawing = () => clearTimeout(timer);
    } else {
      const frame = requestAnimationFrame(() => this.draw());
      this.drawing = () => cancelAnimationFrame(frame);
    }
  }

  private ended(turn: AssistantTurn): void {
    this.draw();
    if (!this.connection || !this.talk.turns.includes(turn)) return;
    const t = this.words;
    if (turn.state === 'failed') {
      this.view.say(`${t.failed} ${turn.error!.message}`);
      this.tell('galago-error', turn.error!);
      return;
    }
    this.view.say(turn.state === 'stopped' ? t.stopped : `${t.answer}: ${turn.alt?.plain ?? (turn.answer || t.empty)}`);
    if (turn.state === 'done') this.tell('galago-answer', turn);
  }

  /** What a button began; its failures are shown, for there is no caller. */
  private attempt(what: () => Promise<unknown>): void {
    what().catch((error: unknown) => this.problem(error));
  }
  private problem(error: unknown): void {
    const e = error instanceof Error ? error : new Error(String(error));
    this.view.problem(e.message);
    this.tell('galago-error', e);
  }

  private tell<K extends keyof AssistantEvents>(name: K, detail: AssistantEvents[K]): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }

  /** To the question; before there is a picture to the button that adds one. */
  override focus(options?: FocusOptions): void {
    this.view.focus(options);
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'galago-image-assistant': GalagoImageAssistant;
  }
}

if (typeof customElements !== 'undefined' && !customElements.get('galago-image-assistant')) customElements.define('galago-image-assistant', GalagoImageAssistant);
