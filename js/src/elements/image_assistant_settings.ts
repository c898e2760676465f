// What a page sets on the element: its model, how it answers, its words. Attributes and properties alike.

import type { GenerationOptions, ModelOptions, Pipeline } from '../index.js';
import type { ModelSource } from './image_assistant_model.js';
import { english, Numbers, type AssistantTexts } from './image_assistant_texts.js';
import type { AssistantSample } from './image_assistant_types.js';

/** Importing the module in Node.js, where pages are made ready, is no mistake; there are no elements there. */
const Base = (typeof HTMLElement === 'undefined' ? class {} : HTMLElement) as typeof HTMLElement;

export abstract class AssistantSettings extends Base {
  private givenGeneration: GenerationOptions = {};
  private givenTexts: Partial<AssistantTexts> = {};
  private givenSamples: readonly AssistantSample[] = [];
  private givenModel: ModelSource | null = null;
  private givenOptions: ModelOptions = {};
  private givenProvider: (() => Promise<Pipeline>) | null = null;
  /** All texts, in the language of the page. */
  protected words: AssistantTexts = english;
  protected numbers = new Numbers(undefined);

  /** The element looks otherwise now. */
  protected abstract changed(): void;
  /** The model that was there is not the one that is wanted. */
  protected abstract dropModel(): void;

  /** What was set before the module had arrived lies on the element itself and hides the properties. */
  protected upgrade(): void {
    for (const name of ['model', 'options', 'generation', 'provider', 'texts', 'samples', 'multiple', 'disabled', 'apart', 'modelLang'] as const) {
      if (!Object.hasOwn(this, name)) continue;
      const value = this[name];
      Reflect.deleteProperty(this, name);
      Object.assign(this, { [name]: value });
    }
  }

  /** As for `pipeline()`; the attribute of this name gives it as text. */
  get model(): ModelSource {
    return this.givenModel ?? (this.getAttribute('model') || 'demo');
  }
  set model(model: ModelSource) {
    this.givenModel = model;
    this.dropModel();
  }
  /** How the model is opened, as for `pipeline()`; the attribute `device` goes before its field. */
  get options(): ModelOptions {
    return this.givenOptions;
  }
  set options(options: ModelOptions) {
    this.givenOptions = options ?? {};
    this.dropModel();
  }
  protected get modelOptions(): ModelOptions {
    const device = this.getAttribute('device');
    return device ? { ...this.givenOptions, device: device as NonNullable<ModelOptions['device']> } : this.givenOptions;
  }
  /** Where it is set the element loads no model of its own, and asks this whenever it needs one. */
  get provider(): (() => Promise<Pipeline>) | null {
    return this.givenProvider;
  }
  set provider(provider: (() => Promise<Pipeline>) | null) {
    this.givenProvider = provider ?? null;
    this.dropModel();
  }
  /** Options of every answer, as for a pipeline's call; holds from the next answer on. */
  get generation(): GenerationOptions {
    return this.givenGeneration;
  }
  set generation(generation: GenerationOptions) {
    this.givenGeneration = generation ?? {};
  }
  /** Texts in another language or other words; what is absent is English. */
  get texts(): Partial<AssistantTexts> {
    return this.givenTexts;
  }
  set texts(texts: Partial<AssistantTexts>) {
    this.givenTexts = texts ?? {};
    this.words = { ...english, ...this.givenTexts };
    this.readLanguage();
    this.changed();
  }
  /** Pictures to try. */
  get samples(): readonly AssistantSample[] {
    return this.givenSamples;
  }
  set samples(samples: readonly AssistantSample[]) {
    this.givenSamples = [...(samples ?? [])];
    this.changed();
  }
  get disabled(): boolean {
    return this.hasAttribute('disabled');
  }
  set disabled(disabled: boolean) {
    this.toggleAttribute('disabled', disabled);
  }
  /** Each question is asked by itself, about the latest pictures: for models that know no conversations. */
  get apart(): boolean {
    return this.hasAttribute('apart');
  }
  set apart(apart: boolean) {
    this.toggleAttribute('apart', apart);
  }
  /** Several pictures may go with one question; `multiple="false"` allows one alone. */
  get multiple(): boolean {
    return this.getAttribute('multiple') !== 'false';
  }
  set multiple(multiple: boolean) {
    if (multiple) this.removeAttribute('multiple');
    else this.setAttribute('multiple', 'false');
  }

  /** The language that the model is asked in and answers in, where it is not the page's. */
  get modelLang(): string {
    return this.getAttribute('model-lang') ?? '';
  }
  set modelLang(language: string) {
    this.setAttribute('model-lang', language);
  }

  protected get language(): string {
    return this.closest<HTMLElement>('[lang]')?.lang || document.documentElement.lang || navigator.language;
  }
  protected readLanguage(): void {
    this.numbers = new Numbers(this.language || undefined);
  }
}
