// What is stored: each model with its size, the room that is left, and whether the browser promised to keep it.

import type { CachedModel } from 'galago';
import { el, fill, toast } from '../dom.js';
import { bytes, date, number, t } from '../i18n.js';
import { choiceOf, model, shortName, storedId } from '../model.js';
import { askPersist, isDownloading, listModels, usage } from '../stored.js';
import { removeAsked } from './models_current.js';
import { agreed } from './models_plan.js';

export function storedCard(): { element: HTMLElement; update(): Promise<void> } {
  const list = el('div', { class: 'stored-list' }), room = el('div', { class: 'stored-room' });
  const element = el('section', { class: 'card', 'aria-labelledby': 'models-stored' }, el('h2', { id: 'models-stored', tabIndex: -1, 'data-t': 'models.stored' }), list, room);
  let serial = 0;

  async function use(m: CachedModel): Promise<void> {
    if (!m.complete && !(await agreed(m.size - m.loaded))) return;
    await model.choose(choiceOf(m.id));
    void model.resume();
    document.getElementById('models-current')?.focus();
  }

  async function remove(m: CachedModel, name: string): Promise<void> {
    if (!(await removeAsked(m.id, name, m.loaded))) return;
    await update();
    document.getElementById('models-stored')?.focus();
  }

  function entry(m: CachedModel, busy: boolean): HTMLElement {
    const name = m.id === 'demo' ? t('model.demo') : shortName(m.id), current = storedId(model.choice) === m.id;
    const size = m.complete ? bytes(m.size) : t('models.half', { loaded: bytes(m.loaded), total: bytes(m.size) });
    const state = busy ? t('models.is_downloading') : current && model.state === 'ready' ? t('models.is_in_use') : t('models.used', { date: date(m.used, { dateStyle: 'medium' }) });
    return el('li', { class: 'stored' },
      el('div', { class: 'stored-what' }, el('strong', null, name), name !== m.id && m.id !== 'demo' && el('span', { class: 'muted small block' }, m.id),
        el('span', { class: 'muted small block num' }, `${size} · ${state}`),
        !m.complete && el('progress', { max: 1, value: m.size > 0 ? m.loaded / m.size : 0, 'aria-label': t('models.progress') })),
      el('div', { class: 'row' },
        !current && !busy && el('button', { type: 'button', class: 'button', 'aria-label': t(m.complete ? 'models.use_name' : 'models.resume_name', { name }), onclick: () => void use(m) }, t(m.complete ? 'models.use' : 'models.resume')),
        el('button', { type: 'button', class: 'button danger', 'aria-label': t('models.delete_name', { name }), onclick: () => void remove(m, name) }, t('models.delete'))));
  }

  async function keep(): Promise<void> {
    toast(t((await askPersist()) ? 'models.kept_yes' : 'models.kept_no'));
    await update();
  }

  async function update(): Promise<void> {
    const mine = ++serial;
    let models: CachedModel[], space: Awaited<ReturnType<typeof usage>> | null;
    try {
      models = await listModels();
      space = await usage().catch(() => null);
    } catch {
      fill(list, el('p', { class: 'muted' }, t('models.no_storage')));
      return fill(room);
    }
    const busy = await Promise.all(models.map((m) => isDownloading(m.id)));
    if (mine !== serial) return;
    fill(list, models.length ? el('ul', null, models.map((m, i) => entry(m, busy[i]!))) : el('p', { class: 'muted' }, t('models.nothing_stored')));
    if (!space || space.quota <= 0) return fill(room);
    const { used, quota, persisted } = space, share = used / quota;
    fill(room,
      el('p', { class: 'small num' }, t('models.room', { used: bytes(used), quota: bytes(quota) })),
      el('meter', { value: share, min: 0, max: 1, high: 0.8, 'aria-label': t('models.room_label') }, `${number(share * 100)} %`),
      models.length > 0 && (persisted ? el('p', { class: 'muted small' }, t('models.persisted'))
        : el('div', { class: 'row' }, el('p', { class: 'muted small grow' }, t('models.not_persisted')), el('button', { type: 'button', class: 'button', onclick: () => void keep() }, t('models.ask_keep')))));
  }
  return { element, update };
}
