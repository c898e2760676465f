// The state of the model, in the page's head.

import { el, fill } from './dom.js';
import { bytes, number, t } from './i18n.js';
import { model } from './model.js';

/** What the model is doing, in a few words. */
export function stateText(): string {
  const { state, progress, device } = model;
  if (state === 'ready') return t('model.ready_on', { device: t(device?.type === 'gpu' ? 'model.gpu' : 'model.cpu') });
  if (state === 'loading' && progress && progress.total > 0 && progress.loaded < progress.total) {
    return t('model.fetching', { percent: number(Math.floor((progress.loaded / progress.total) * 100)) });
  }
  if (state === 'paused' && progress) return t('model.paused_at', { loaded: bytes(progress.loaded), total: bytes(progress.total) });
  return t(`model.state_${state}`);
}

export function modelName(): string {
  return model.choice.kind === 'demo' ? t('model.demo') : model.choice.name;
}

export function showChip(): void {
  const chip = document.getElementById('chip')!;
  const name = el('span', { class: 'chip-name' }), state = el('span', { class: 'chip-state' });
  fill(chip, el('span', { class: 'dot', 'aria-hidden': 'true' }), name, el('span', { class: 'chip-gap', 'aria-hidden': 'true' }, '·'), state);
  const update = (): void => {
    chip.dataset.state = model.state;
    if (name.textContent !== modelName()) name.textContent = modelName();
    const text = stateText();
    if (state.textContent !== text) state.textContent = text;
    chip.title = model.device?.reason ?? '';
  };
  model.addEventListener('change', update);
  model.addEventListener('progress', update);
  document.addEventListener('languagechange', update);
  update();
}
