// The model in use: what it is doing, how far a download is, pause, resume, and what went wrong.

import { announce, confirm, el, fill, toast } from '../dom.js';
import { explain } from '../errors.js';
import { bytes, number, seconds, t } from '../i18n.js';
import { DEMO, model, storedId } from '../model.js';
import { modelName } from '../chip.js';
import { agreed } from './models_plan.js';
import { BusyElsewhereError, removeModel } from '../stored.js';

const button = (key: string, onclick: () => void, look = ''): HTMLButtonElement => el('button', { type: 'button', class: `button ${look}`, onclick, dataset: { act: key } }, t(`models.${key}`));

/** Deletes what is stored of a model, after a question. */
export async function removeAsked(id: string, name: string, size: number): Promise<boolean> {
  if (!(await confirm(t('models.delete_title', { name }), t('models.delete_text', { size: bytes(size) }), t('models.delete'), { danger: true }))) return false;
  try {
    await removeModel(id);
    toast(t('models.deleted', { name }));
    return true;
  } catch (e) {
    toast(e instanceof BusyElsewhereError ? t('models.busy_elsewhere') : explain(e).text);
    return false;
  }
}

/** "312 MB of 616 MB · 12 MB a second · 25 s left" */
function progressText(): string {
  const { progress, stage, opened } = model;
  if (stage === 'open') return t('models.opening', { percent: number(Math.floor(opened)) });
  if (!progress || progress.total === 0) return t('models.starting');
  if (progress.loaded >= progress.total) return t('models.checking');
  const { loaded, total, bytes_per_s, seconds_left } = progress;
  const parts = [t('models.of', { loaded: bytes(loaded), total: bytes(total) })];
  if (model.elsewhere) return parts[0]!;
  if (bytes_per_s > 0) parts.push(t('models.per_second', { size: bytes(bytes_per_s) }));
  if (Number.isFinite(seconds_left)) parts.push(t('models.left', { time: seconds(Math.max(1, seconds_left)) }));
  return parts.join(' · ');
}

export function currentCard(changed: () => void): { element: HTMLElement; update(): void } {
  const name = el('h2', { tabIndex: -1, id: 'models-current' }), body = el('div', { class: 'current-body' });
  const bar = el('progress', { max: 1, 'data-t-label': 'models.progress' }), words = el('p', { class: 'num current-progress' });
  const element = el('section', { class: 'card current', 'aria-labelledby': 'models-current' }, el('p', { class: 'muted small eyebrow', 'data-t': 'models.in_use' }), name, body);
  let drawn = '';

  function progress(): void {
    const { progress: p, stage, opened, state } = model;
    const share = stage === 'open' ? opened / 100 : p && p.total > 0 ? p.loaded / p.total : null;
    if (state === 'paused' && p) bar.value = p.total > 0 ? p.loaded / p.total : 0;
    else if (share === null) bar.removeAttribute('value');
    else bar.value = share;
    words.textContent = state === 'paused' && p ? t('models.half', { loaded: bytes(p.loaded), total: bytes(p.total) }) : progressText();
  }

  const useDemo = (): HTMLButtonElement => button('use_demo', () => void model.choose(DEMO));
  async function remove(): Promise<void> {
    const { choice, progress: p } = model;
    if (await removeAsked(storedId(choice), choice.name, p?.loaded ?? 0)) changed();
  }
  /** Downloads what is missing. What is not known yet is taken for large. */
  async function goOn(): Promise<void> {
    const { choice, progress: p } = model;
    if (choice.kind === 'hub' && !(await agreed(p ? p.total - p.loaded : 1))) return;
    await model.resume();
  }
  async function cancel(): Promise<void> {
    const { choice, progress: p } = model;
    model.pause();
    if (choice.kind === 'hub' && p && (await confirm(t('models.cancel_title'), t('models.cancel_text', { size: bytes(p.loaded) }), t('models.delete'), { danger: true, no: t('models.keep') }))) {
      await removeModel(storedId(choice)).catch((e: unknown) => toast(explain(e).text));
    } else if (choice.kind !== 'hub') await model.choose(DEMO);
    changed();
  }

  /** What stands below the name, and the buttons, for each state. */
  function content(): (HTMLElement | false | null)[] {
    const { state, choice, device, info, error } = model, other = choice.kind !== 'demo';
    const row = (...buttons: (HTMLElement | false)[]): HTMLElement => el('div', { class: 'row' }, buttons);
    const about = el('p', { class: 'muted' }, t(`models.about_${choice.kind}`));
    if (state === 'ready') {
      return [
        el('p', { class: 'state' }, el('span', { class: 'dot', 'aria-hidden': 'true' }), device?.type === 'gpu' ? t('models.ready_gpu', { name: device.name }) : t('models.ready_cpu')),
        about,
        el('details', null, el('summary', null, t('models.facts')), el('dl', { class: 'facts' },
          ([['fact_params', info && t('models.millions', { count: number(info.n_params / 1e6, { maximumFractionDigits: 0 }) })], ['fact_weights', info && bytes(info.weights_bytes)], ['fact_context', info && t('models.tokens', { count: info.max_context })], ['fact_vision', info && t(info.has_vision ? 'models.yes' : 'models.no')], ['fact_engine', info?.device], ['fact_why', device?.reason]] as const)
            .filter(([, value]) => value).map(([key, value]) => el('div', key === 'fact_why' || key === 'fact_engine' ? { class: 'wide' } : null, el('dt', null, t(`models.${key}`)), el('dd', null, value))))),
        row(button('unload', () => model.unload()), other && useDemo()),
      ];
    }
    if (state === 'loading') {
      return [model.elsewhere ? el('p', { class: 'notice' }, t('models.elsewhere')) : null, bar, words,
        row(choice.kind === 'hub' && button('pause', () => model.pause(), 'primary'), button('cancel', () => void cancel()))];
    }
    if (state === 'paused') return [bar, words, row(button('resume', () => void goOn(), 'primary'), button('delete_part', () => void remove()), useDemo())];
    if (state === 'failed') {
      const { text, detail } = explain(error);
      return [
        el('div', { class: 'notice error' }, el('p', null, text), detail !== '' && el('details', null, el('summary', null, t('error.detail')), el('p', { class: 'small muted' }, detail))),
        row(button('retry', () => void goOn(), 'primary'), other && useDemo()),
      ];
    }
    if (state === 'asking') return [el('p', null, t('models.asking')), row(button('start', () => void goOn(), 'primary'), useDemo())];
    return [about, el('p', { class: 'muted' }, t('models.idle')), row(button('load', () => void model.resume()), other && useDemo())];
  }

  function update(): void {
    const { state, choice, stage, elsewhere, error, device } = model, what = JSON.stringify([state, choice.kind, choice.name, stage === 'open', elsewhere, String(error), device?.name]);
    if (what !== drawn) {
      const act = document.activeElement?.closest('[data-act]') ?? null, had = body.contains(act) && act !== null;
      drawn = what;
      element.dataset.state = state;
      name.textContent = modelName();
      fill(body, content());
      // The button that was pressed is gone: the focus goes to the one in its place.
      if (had) (body.querySelector<HTMLElement>('[data-act]') ?? name).focus();
    }
    progress();
  }

  let before = model.state;
  model.addEventListener('change', () => {
    update();
    if (model.state === before) return;
    before = model.state;
    if (before === 'ready') announce(t('models.said_ready', { name: modelName() }));
    if (before === 'failed') announce(explain(model.error).text, 'assertive');
    changed();
  });
  model.addEventListener('progress', progress);
  return { element, update: () => ((drawn = ''), update()) };
}
