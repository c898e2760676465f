// What stands still in the batch view: its regions and controls, without what they do.
import { el } from '../dom.js';
import { choices } from './batch_choices.js';
import { PRESETS, type Preset } from './batch_prompts.js';

export type Filter = 'all' | 'waiting' | 'done' | 'failed';
export const FILTERS: readonly Filter[] = ['all', 'waiting', 'done', 'failed'];

const button = (key: string, kind = '', more: Record<string, unknown> = {}): HTMLButtonElement =>
  el('button', { type: 'button', class: `button ${kind}`, 'data-t': `batch.${key}`, ...more });

/** Opens a file dialog when asked. */
function picker(folder: boolean): HTMLInputElement {
  const input = el('input', { type: 'file', multiple: true, class: 'unseen', tabIndex: -1, 'aria-hidden': 'true', dataset: { test: folder ? 'batch-folder' : 'batch-files' } });
  if (folder) input.webkitdirectory = true;
  else input.accept = 'image/*,.heic,.heif,.avif';
  return input;
}

export function makeParts(onpreset: (preset: Preset) => void) {
  const files = picker(false), folder = picker(true), choose = button('choose', 'primary'), chooseFolder = button('folder');
  const drop = el('div', { class: 'b-drop' }, el('p', { class: 'b-hint', 'data-t': 'batch.drop' }), el('div', { class: 'row' }, choose, chooseFolder), files, folder);

  const preset = choices('batch-preset', 'batch.question', PRESETS, (p) => `batch.preset_${p}`, onpreset);
  const own = el('textarea', { id: 'batch-own', rows: 2, maxLength: 2000 });
  const ownField = el('div', { class: 'field b-own', hidden: true }, el('label', { htmlFor: 'batch-own', 'data-t': 'batch.own' }), own, el('p', { class: 'hint', 'data-t': 'batch.own_hint' }));

  const go = button('start', 'primary'), stop = button('stop', '', { hidden: true });
  const counts = el('p', { class: 'b-counts num', dataset: { test: 'batch-counts' } }), progress = el('progress', { max: 1, value: 0, 'data-t-label': 'batch.progress' });
  const bar = el('div', { class: 'b-bar', role: 'group', 'data-t-label': 'batch.bar' }, el('div', { class: 'row' }, go, stop, counts), progress);

  const keep = el('input', { type: 'checkbox', role: 'switch', id: 'batch-keep', 'aria-describedby': 'batch-keep-hint' });
  const keepState = el('p', { class: 'hint b-keep-state', dataset: { test: 'batch-keep-state' } }), save = button('save'), unsave = button('unsave', 'quiet', { hidden: true });
  const keepBox = el('div', { class: 'b-keep' },
    el('div', { class: 'row' }, el('label', { class: 'check' }, keep, el('span', { 'data-t': 'batch.keep' })), save, unsave),
    el('p', { class: 'hint', id: 'batch-keep-hint', 'data-t': 'batch.keep_hint' }), keepState);

  const filters = new Map(FILTERS.map((f) => [f, el('button', { type: 'button', class: 'button quiet b-filter', 'aria-pressed': String(f === 'all'), dataset: { filter: f } })]));
  const retry = button('retry', '', { hidden: true }), csv = button('csv'), jsonl = button('jsonl'), copyAll = button('copy_all'), clear = button('clear', 'quiet');
  const tools = el('div', { class: 'b-tools' },
    el('div', { class: 'row b-filters', role: 'group', 'data-t-label': 'batch.filter' }, [...filters.values()]),
    el('div', { class: 'row end' }, retry, csv, jsonl, copyAll, clear));
  const about = el('details', { class: 'small muted b-about' }, el('summary', { 'data-t': 'batch.files_about' }), el('p', { 'data-t': 'batch.files_csv' }), el('p', { 'data-t': 'batch.files_jsonl' }));
  const none = el('p', { class: 'muted b-none', hidden: true, 'data-t': 'batch.none_here' });
  const notices = el('div', { class: 'b-notices' }), saved = el('section', { class: 'b-saved card', hidden: true, 'aria-labelledby': 'batch-saved' });
  return { files, folder, choose, chooseFolder, drop, preset, own, ownField, go, stop, counts, progress, bar, keep, keepState, save, unsave, keepBox, filters, retry, csv, jsonl, copyAll, clear, tools, about, none, notices, saved };
}
export type Parts = ReturnType<typeof makeParts>;
