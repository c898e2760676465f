// The assistant: the package's own element with the page's model, texts and settings. A conversation lives in memory alone.

import type { GalagoImageAssistant, AssistantTexts } from 'galago/image-assistant';
import { modelName } from '../chip.js';
import { el, fill } from '../dom.js';
import { explain } from '../errors.js';
import { bytes, currentLanguage, t } from '../i18n.js';
import { model } from '../model.js';
import type { View } from '../router.js';
import { QUESTIONS, SAMPLES } from '../samples.js';
import { generation, modelOptions, settings } from '../settings.js';

/** The element speaks English by itself; its other languages lie beside the page's. */
async function elementTexts(): Promise<Partial<AssistantTexts>> {
  const language = currentLanguage();
  if (language === 'en') return {};
  try {
    const response = await fetch(`./texts/assistant.${language}.json`);
    return response.ok ? ((await response.json()) as Partial<AssistantTexts>) : {};
  } catch {
    return {}; // without a network, before everything was kept
  }
}

/** The demo model was taught in English; what it is asked stays in words that it knows. */
function asTaught(texts: Partial<AssistantTexts>): Partial<AssistantTexts> {
  if (model.choice.kind !== 'demo') return texts;
  const { describePrompt: _1, describeManyPrompt: _2, readPrompt: _3, altPrompt: _4, examples: _5, ...rest } = texts;
  return { ...rest, examples: QUESTIONS.join('\n') };
}

/** What stands above the assistant while there is something to know about the model. */
function strip(): { element: HTMLElement; update(): void } {
  const element = el('div', { class: 'ask-model', hidden: true }), bar = el('progress', { max: 1, 'data-t-label': 'models.progress' }), words = el('p', { class: 'num small muted' });
  let drawn = '', timer = 0;
  function numbers(): void {
    const { progress: p, stage, opened } = model, share = stage === 'open' ? opened / 100 : p && p.total > 0 ? p.loaded / p.total : null;
    if (share === null) bar.removeAttribute('value');
    else bar.value = share;
    words.textContent = p && p.total > 0 && stage !== 'open' ? t('models.of', { loaded: bytes(p.loaded), total: bytes(p.total) }) : '';
  }
  function update(): void {
    const { state, choice, error } = model, what = JSON.stringify([state, choice.name, String(error), currentLanguage()]);
    numbers();
    if (what === drawn) return;
    drawn = what;
    const link = (): HTMLElement => el('a', { class: 'button', href: '#models' }, t('ask.see_models'));
    const failed = state === 'failed' ? explain(error) : null;
    clearTimeout(timer);
    element.hidden = state === 'none' || state === 'ready' || state === 'loading';
    // A model that is there in a moment is not worth a word, nor the jump of the page.
    if (state === 'loading') timer = window.setTimeout(() => (element.hidden = model.state !== 'loading'), 1000);
    element.className = `ask-model notice ${failed ? 'error' : state === 'loading' ? '' : 'warn'}`;
    if (state === 'loading') fill(element, el('p', null, t('ask.loading', { name: modelName() })), bar, words);
    else if (failed) fill(element, el('p', null, failed.text), el('div', { class: 'row' }, el('button', { type: 'button', class: 'button', onclick: () => void model.resume() }, t('shell.again')), link()));
    else if (state === 'asking' || state === 'paused') fill(element, el('p', null, t(`model.not_ready_${state}`, { name: modelName() })), el('div', { class: 'row' }, link()));
  }
  model.addEventListener('change', update);
  model.addEventListener('progress', numbers);
  return { element, update };
}

export function mount(root: HTMLElement): View {
  const top = strip(), place = el('div', { class: 'ask-place' }), hint = el('p', { class: 'ask-hint muted small' });
  root.append(el('h1', { tabIndex: -1, 'data-t': 'ask.title' }), top.element, place, hint);
  let assistant: GalagoImageAssistant | null = null, texts: Partial<AssistantTexts> = {}, kind = model.choice.kind;

  function follow(): void {
    // While the model loads, what a person is about to press does not move.
    const below = model.state === 'loading' ? hint : place;
    if (top.element.nextElementSibling !== below) below.before(top.element);
    hint.hidden = model.choice.kind !== 'demo';
    if (!hint.hidden) fill(hint, t('ask.demo'), ' ', el('a', { href: '#models' }, t('ask.other_model')));
    if (assistant && kind !== model.choice.kind) {
      kind = model.choice.kind;
      ask();
    }
  }
  /** What is offered to be asked, and in which language. */
  function ask(): void {
    if (!assistant) return;
    const demo = model.choice.kind === 'demo';
    // It was taught single questions, and would answer the one before once more.
    assistant.apart = demo;
    assistant.modelLang = demo && currentLanguage() !== 'en' ? 'en' : '';
    assistant.texts = asTaught(texts);
    assistant.samples = SAMPLES.map(([name, ...questions], i) => ({ src: `./samples/${name}.png`, name: `${name}.png`, alt: t(`ask.sample_${i + 1}`), ...(demo && { questions }) }));
  }
  function useSettings(): void {
    if (!assistant) return;
    assistant.generation = generation();
    assistant.toggleAttribute('figures', settings.get().figures);
    const { context } = modelOptions();
    // Setting options ends what is being made, so only where they differ.
    if (assistant.options.context !== context) assistant.options = context === undefined ? {} : { context };
  }
  async function useTexts(): Promise<void> {
    texts = await elementTexts();
    ask();
  }

  async function make(): Promise<void> {
    fill(place);
    try {
      await import('galago/image-assistant');
    } catch (e) {
      console.error(e);
      fill(place, el('div', { class: 'notice error' }, el('p', null, t('shell.view_failed_text')), el('button', { type: 'button', class: 'button', onclick: () => location.reload() }, t('shell.again'))));
      return;
    }
    assistant = document.createElement('galago-image-assistant');
    assistant.provider = () => model.pipeline().catch((e: unknown) => {
      // The element shows the message: in the person's words and language.
      throw new Error(explain(e).text, { cause: e });
    });
    useSettings();
    await useTexts();
    // The model gets ready while the person thinks about the question.
    assistant.addEventListener('galago-pictures', () => assistant!.pictures.length > 0 && model.state === 'none' && void model.pipeline().catch(() => undefined));
    assistant.addEventListener('galago-error', (e) => model.report((e as CustomEvent<unknown>).detail));
    fill(place, assistant);
  }

  void make();
  top.update();
  follow();
  model.addEventListener('change', follow);
  settings.onchange(useSettings);
  document.addEventListener('languagechange', () => {
    top.update();
    follow();
    void useTexts();
  });
  return {};
}
