// How fast this device is: the project's standard measurements, as a table to take along.
import { announce, copy, el, fill } from '../dom.js';
import { explain } from '../errors.js';
import { bytes, number, t } from '../i18n.js';
import { model } from '../model.js';
import type { View } from '../router.js';
import { isWorking } from './batch_wake.js';
import { FACTS, json, markdown, present, type Line, type Result, type Unit } from './benchmark_report.js';
import { run, target, type Stage, type Which } from './benchmark_run.js';

/** Another view needed the page's model. */
const ELSEWHERE = 'elsewhere';

export function mount(root: HTMLElement): View {
  const results: Result[] = [];
  let control: AbortController | null = null, asked = 0, stage: Stage | null = null;

  const which = el('select', { id: 'benchmark-model', 'aria-describedby': 'benchmark-about', onchange: () => void about() });
  const runs = el('select', { id: 'benchmark-runs' }, [1, 3, 5, 10].map((n) => el('option', { value: String(n), selected: n === 3 }, String(n))));
  const far = el('input', { type: 'checkbox' });
  const hint = el('p', { class: 'hint', id: 'benchmark-about' });
  const go = el('button', { type: 'button', class: 'button primary', onclick: () => (control ? control.abort() : void start()) });
  const progress = el('progress', { max: 1, value: 0, 'data-t-label': 'benchmark.progress', hidden: true }), now = el('p', { class: 'muted small', dataset: { test: 'benchmark-stage' } });
  const failure = el('div', { class: 'notice error', role: 'alert', hidden: true });
  const table = el('table', { class: 'm-table' }), notes = el('p', { class: 'muted small' });
  const button = (key: string, onclick: () => void, kind = ''): HTMLElement => el('button', { type: 'button', class: `button ${kind}`, 'data-t': `benchmark.${key}`, onclick });
  const card = el('div', { class: 'card', hidden: true },
    el('h2', { id: 'benchmark-results', 'data-t': 'benchmark.results' }),
    el('div', { class: 'table-wrap', tabIndex: 0, role: 'region', 'aria-labelledby': 'benchmark-results' }, table), notes,
    el('div', { class: 'row m-take' }, button('copy_markdown', () => void copy(markdown(results, { text: (key) => t(`benchmark.${key}`), figure }))), button('copy_json', () => void copy(json(results))),
      button('clear', () => ((results.length = 0), write(), go.focus()), 'quiet')));
  root.append(
    el('h1', { tabIndex: -1, 'data-t': 'benchmark.title' }), el('p', { class: 'lead', 'data-t': 'benchmark.lead' }),
    el('div', { class: 'cards' },
      el('div', { class: 'card m-setup' },
        el('div', { class: 'm-fields' },
          el('div', { class: 'field' }, el('label', { htmlFor: 'benchmark-model', 'data-t': 'benchmark.model' }), which),
          el('div', { class: 'field' }, el('label', { htmlFor: 'benchmark-runs', 'data-t': 'benchmark.runs' }), runs)),
        hint,
        el('label', { class: 'check' }, far, el('span', { 'data-t': 'benchmark.far' })),
        el('ul', { class: 'muted small m-facts' }, ['what', 'unload', 'disturb'].map((key) => el('li', { 'data-t': `benchmark.note_${key}` }))),
        el('div', { class: 'row' }, go, now), progress, failure),
      card));

  function models(): void {
    const before = which.value as Which | '', own = model.choice.kind !== 'demo';
    const option = (value: Which, text: string, disabled = false): HTMLOptionElement => el('option', { value, disabled }, text);
    const away = model.state === 'asking' || model.state === 'paused';
    fill(which, own && option('current', `${model.choice.name}${away ? ` (${t(`model.state_${model.state}`)})` : ''}`, away), option('demo', t('model.demo')), option('synthetic', t('benchmark.synthetic')));
    which.value = before && [...which.options].some((o) => o.value === before && !o.disabled) ? before : own && !away ? 'current' : 'demo';
    void about();
  }
  /** What it takes to open the chosen model, before it is opened. */
  async function about(): Promise<void> {
    const mine = ++asked, chosen = which.value as Which;
    hint.textContent = t(`benchmark.about_${chosen}`);
    if (chosen !== 'current' || control) return;
    const { source, options } = target(chosen);
    try {
      const { probe } = await import('galago');
      const { memory_bytes, supported, reason } = await probe(source, options);
      if (mine !== asked) return;
      hint.textContent = [t(`benchmark.about_${chosen}`), memory_bytes > 0 && t('benchmark.needs', { memory: bytes(memory_bytes) }), supported ? '' : reason].filter(Boolean).join(' ');
    } catch {
      // What is wrong is told when it is opened.
    }
  }

  async function start(): Promise<void> {
    failure.hidden = true;
    if (isWorking()) {
      failure.hidden = false;
      return fill(failure, t('benchmark.busy'));
    }
    control = new AbortController();
    const { signal } = control, before = model.state === 'ready' || model.state === 'loading';
    write();
    announce(t('benchmark.began'));
    try {
      results.push(await run(which.value as Which, { runs: Number(runs.value), far: far.checked, signal, onstage: (s) => ((stage = s), tell()) }));
      announce(t('benchmark.ended'));
    } catch (error) {
      if (!signal.aborted || signal.reason === ELSEWHERE) {
        failure.hidden = false;
        const { text, detail } = signal.reason === ELSEWHERE ? { text: t('benchmark.elsewhere'), detail: '' } : explain(error);
        fill(failure, el('p', null, t('benchmark.failed')), el('p', null, text), detail && el('p', { class: 'small', lang: 'en' }, detail));
      } else {
        announce(t('benchmark.cancelled'));
      }
    } finally {
      control = null;
      stage = null;
      if (before) void model.pipeline().catch(() => undefined);
      write();
    }
    if (results.length && !signal.aborted) card.scrollIntoView({ block: 'nearest' });
  }

  function figure(value: number, unit: Unit): string {
    if (unit === 'bytes') return bytes(value);
    const digits = value < 10 ? 2 : value < 100 ? 1 : 0, text = number(value, { maximumFractionDigits: digits });
    return unit === 'ms' ? `${text} ms` : unit === 'tok/s' ? t('benchmark.per_second', { value: text }) : text;
  }
  function cell(line: Line, r: Result): HTMLElement {
    const value = line.value(r), range = line.spread ? r.spread[line.spread] : undefined;
    if (value === undefined) return el('td', { class: 'num' }, '–');
    if (typeof value === 'string') return el('td', { class: 'num' }, el('code', null, value));
    const wide = range && r.runs > 1 && range[1] > 0 ? t('benchmark.range', { from: number(range[0], { maximumFractionDigits: 0 }), to: number(range[1], { maximumFractionDigits: 0 }) }) : '';
    return el('td', { class: 'num' }, figure(value, line.unit), wide && el('span', { class: 'm-range' }, wide));
  }
  function tell(): void {
    if (!stage) return;
    now.textContent = stage.kind === 'unload' ? t('benchmark.stage_unload') : stage.kind === 'load' ? t('benchmark.stage_load')
      : t(stage.run ? 'benchmark.stage_run' : 'benchmark.stage_warm', { part: t(`benchmark.part_${stage.kind}`), run: stage.run, of: Number(runs.value) });
    progress.value = stage.kind === 'unload' ? 0 : stage.kind === 'load' ? stage.share * 0.1 : 0.1 + 0.9 * stage.share;
  }
  function write(): void {
    const running = control !== null;
    go.textContent = t(running ? 'benchmark.cancel' : 'benchmark.run');
    go.classList.toggle('primary', !running);
    for (const control of [which, runs, far]) control.disabled = running;
    progress.hidden = !running;
    now.textContent = '';
    tell();
    card.hidden = !results.length;
    if (!results.length) return fill(table);
    const head = (text: string): HTMLElement => el('th', { scope: 'row' }, text);
    fill(table, el('caption', { class: 'unseen' }, t('benchmark.results')),
      el('thead', null, el('tr', null, el('td'), results.map((r) => el('th', { scope: 'col', class: 'num' }, r.model, r.dtype !== 'as-is' && el('span', { class: 'm-range' }, r.dtype))))),
      el('tbody', null,
        present(results).map((line) => el('tr', null, head(t(`benchmark.row_${line.key}`)), results.map((r) => cell(line, r)))),
        FACTS.map((fact) => el('tr', { class: 'm-fact' }, head(t(`benchmark.row_${fact.key}`)), results.map((r) => el('td', { class: 'num' }, fact.value(r)))))));
    notes.textContent = [t('benchmark.median'), results.some((r) => r.hidden) && t('benchmark.was_hidden')].filter(Boolean).join(' ');
  }
  model.addEventListener('change', () => {
    if (!control) models();
    // Two models at once would measure neither, and might not fit.
    else if (model.state === 'loading' && stage?.kind !== 'unload') control.abort(ELSEWHERE);
  });
  document.addEventListener('languagechange', () => {
    models();
    write();
  });
  models();
  write();
  return {};
}
