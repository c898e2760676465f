// Settings: each with what it does in plain words, kept as soon as it is changed.

import { confirm, el, fill, toast } from '../dom.js';
import { languages, number, t } from '../i18n.js';
import { model } from '../model.js';
import type { View } from '../router.js';
import { defaults, limits, settings, type Settings } from '../settings.js';

type Numeric = keyof typeof limits;
type Choice = 'detail' | 'device' | 'language' | 'theme';
type Toggle = 'think' | 'figures';

/** Takes a change; those that the model has to be loaded anew for say so. */
function set(patch: Partial<Settings>): void {
  const before = settings.get();
  settings.set(patch);
  const now = settings.get(), other = now.device !== before.device || (now.detail !== before.detail && model.choice.kind !== 'demo');
  if (other && model.state === 'loading') toast(t('settings.reloading'));
}

function slider(name: Numeric): HTMLElement {
  const { least, most, step } = limits[name], id = `settings-${name}`;
  const shown = el('output', { class: 'num', id: `${id}-value`, 'for': id });
  const input = el('input', { type: 'range', id, min: String(least), max: String(most), step: String(step), 'aria-describedby': `${id}-hint` });
  const show = (): void => {
    const value = Number(input.value);
    shown.textContent = number(value, { maximumFractionDigits: 2 });
    input.setAttribute('aria-valuetext', shown.textContent);
    if (name === 'temperature' && value === 0) shown.textContent = `${shown.textContent} · ${t('settings.temperature_zero')}`;
  };
  // Properties in the right order: a value is cut to the limits that are set at that time.
  input.value = String(settings.get()[name]);
  show();
  input.addEventListener('input', show);
  input.addEventListener('change', () => set({ [name]: Number(input.value) }));
  return el('div', { class: 'field' },
    el('div', { class: 'row between' }, el('label', { htmlFor: id }, t(`settings.${name}`)), shown),
    input,
    el('p', { class: 'hint', id: `${id}-hint` }, t(`settings.${name}_hint`)));
}

function select(name: Choice, values: [string, string][]): HTMLElement {
  const id = `settings-${name}`;
  const input = el('select', { id, 'aria-describedby': `${id}-hint`, onchange: () => set({ [name]: input.value }) },
    values.map(([value, text]) => el('option', { value, selected: value === settings.get()[name] }, text)));
  return el('div', { class: 'field' }, el('label', { htmlFor: id }, t(`settings.${name}`)), input, el('p', { class: 'hint', id: `${id}-hint` }, t(`settings.${name}_hint`)));
}

function toggle(name: Toggle): HTMLElement {
  const id = `settings-${name}`;
  const input = el('input', { type: 'checkbox', id, checked: settings.get()[name], 'aria-describedby': `${id}-hint`, onchange: () => set({ [name]: input.checked }) });
  return el('div', { class: 'field' }, el('label', { class: 'check', htmlFor: id }, input, t(`settings.${name}`)), el('p', { class: 'hint', id: `${id}-hint` }, t(`settings.${name}_hint`)));
}

function group(title: string, ...fields: HTMLElement[]): HTMLElement {
  const id = `settings-group-${title}`;
  return el('section', { class: 'card', 'aria-labelledby': id }, el('h2', { id }, t(`settings.group_${title}`)), fields);
}

export function mount(root: HTMLElement): View {
  const options = (name: Choice, values: readonly string[]): [string, string][] => values.map((v) => [v, t(`settings.${name}_${v || 'browser'}`)]);

  function draw(): void {
    const held = document.activeElement?.id;
    fill(root,
      el('h1', { tabIndex: -1 }, t('settings.title')),
      el('p', { class: 'lead' }, t('settings.lead')),
      el('div', { class: 'settings-groups' },
        group('answers', slider('max_tokens'), slider('temperature'), slider('top_p'), toggle('think')),
        el('div', { class: 'cards' },
          group('model', select('detail', options('detail', ['low', 'auto', 'high'])), select('device', options('device', ['auto', 'gpu', 'cpu']))),
          group('page',
            select('language', [['', t('settings.language_browser')], ...Object.entries(languages)]),
            select('theme', options('theme', ['system', 'light', 'dark'])),
            toggle('figures')))),
      el('p', { class: 'settings-reset' }, el('button', { type: 'button', class: 'button', id: 'settings-reset', onclick: () => void reset() }, t('settings.reset'))));
    if (held && root.contains(document.getElementById(held))) document.getElementById(held)!.focus();
  }

  async function reset(): Promise<void> {
    if (!(await confirm(t('settings.reset_title'), t('settings.reset_text'), t('settings.reset')))) return;
    set(defaults);
    draw();
    document.getElementById('settings-reset')?.focus();
    toast(t('settings.reset_done'), { seconds: 4 });
  }

  draw();
  document.addEventListener('languagechange', draw);
  let shown = false;
  settings.onchange(() => {
    // From another tab, or another view: what is shown here is what holds.
    if (!shown || !root.contains(document.activeElement)) draw();
  });
  return { show: () => (shown = true), hide: () => (shown = false) } as View;
}
