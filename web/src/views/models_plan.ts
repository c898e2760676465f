// What is told before a model is taken: size, memory, room, device, speed. Then, and only then, Download.

import type { ProbeResult } from 'galago';
import { announce, confirm, el, fill } from '../dom.js';
import { explain, kindOf } from '../errors.js';
import { bytes, number, seconds, t } from '../i18n.js';
import { model, type ModelChoice } from '../model.js';
import { modelOptions } from '../settings.js';
import { measure, predict, rounded, tokenBytes } from '../speed.js';
import { askPersist } from '../stored.js';

export interface Plan {
  choice: ModelChoice;
  probe: ProbeResult;
}

/** Bytes cost, or the person asked the browser to save them. */
export function metered(): boolean {
  const connection = (navigator as { connection?: { saveData?: boolean; type?: string } }).connection;
  return connection?.saveData === true || connection?.type === 'cellular';
}

/** Asks the host what there is. `signal` ends it. */
export async function lookAt(choice: ModelChoice, signal: AbortSignal): Promise<Plan> {
  const { probe } = await import('galago');
  const { device } = modelOptions();
  const ask = (options: ModelChoice['options']): Promise<ProbeResult> => probe(choice.source, { device, ...options, signal, source: { retries: 2 } });
  const { dtype, ...as_is } = choice.options ?? {};
  if (dtype !== 'auto') return { choice, probe: await ask(choice.options) };
  // 4 bits where there is a file of them or where weights are published in 16; other files are taken as they are.
  const small = { ...as_is, dtype: 'q4' }, first = await ask(small);
  const main = first.files.find((f) => /\.gguf$/i.test(f.name) && !/mmproj/i.test(f.name));
  if (first.supported && !(main && !/q4/i.test(main.name))) return { choice: { ...choice, options: small }, probe: first };
  const second = await ask(as_is);
  return second.supported ? { choice: { ...choice, options: as_is }, probe: second } : { choice: { ...choice, options: small }, probe: first };
}

/** Why a model cannot be taken, in plain words; null where it can. */
function refusal({ choice, probe }: Plan): string | null {
  const { reason, download_bytes, storage_free_bytes } = probe;
  if (probe.supported) {
    if (download_bytes > 0 && storage_free_bytes > 0 && download_bytes > storage_free_bytes) return t('models.no_room', { needed: bytes(download_bytes), free: bytes(storage_free_bytes) });
    return null;
  }
  if (probe.memory_bytes > 0 && /needs about|allows buffers/.test(reason)) return t('models.too_large', { memory: bytes(probe.memory_bytes) });
  if (choice.kind === 'files') return t('models.files_wrong');
  // A refusal of a probe comes as words only; its kind is told from them as it would be from the error.
  const code = /server answered|check the connection|is not there|neither manifest/.test(reason) ? 'network' : /holds neither|holds no|no file/.test(reason) ? 'format' : /GPU was asked/.test(reason) ? 'unsupported' : 'network';
  const error = Object.assign(new Error(reason), { code });
  return kindOf(error) === 'network' ? t('models.look_failed') : explain(error).text;
}

/** Memory beyond what the device seems to have. */
function tight(memory: number): boolean {
  // Browsers tell 8 at most, so 8 may be any size.
  const gigabytes = (navigator as { deviceMemory?: number }).deviceMemory;
  return gigabytes !== undefined && gigabytes < 8 && memory > gigabytes * 0.6e9;
}

function facts(plan: Plan): [string, string][] {
  const { choice, probe } = plan, here = probe.total_bytes - probe.download_bytes;
  const list: [string, string][] = [];
  if (choice.kind === 'hub') {
    const download = probe.download_bytes === 0 ? t('models.nothing_to_fetch') : here > 0 ? t('models.partly_here', { size: bytes(probe.download_bytes), here: bytes(here) }) : bytes(probe.download_bytes);
    list.push([t('models.fact_download'), download]);
  } else list.push([t('models.fact_size'), bytes(probe.total_bytes)]);
  list.push([t('models.fact_memory'), t('models.about', { size: bytes(probe.memory_bytes) })]);
  if (choice.kind === 'hub') list.push([t('models.fact_free'), probe.storage_free_bytes > 0 ? bytes(probe.storage_free_bytes) : t('models.unknown')]);
  list.push([t('models.fact_device'), t(probe.device.type === 'gpu' ? 'models.on_gpu' : 'models.on_cpu', { name: probe.device.name })]);
  return list;
}

const range = ([low, high]: [number, number], write: (n: number) => string): string => {
  const [a, b] = [rounded(low), rounded(high)];
  // "0.2 – 3 s": the unit once.
  return a === b ? write(a) : `${write(a).replace(/\s?[^\d]*$/u, '')} – ${write(b)}`;
};

async function speedText({ choice, probe }: Plan): Promise<string> {
  const speed = predict(await measure(probe.device.type), tokenBytes(probe.files, probe.format, choice.options?.dtype));
  return t('models.speed', { words: range(speed.words_per_s, number), first: range(speed.first_s, seconds) });
}

/** Over a connection that costs, a download is asked for. */
export async function agreed(size: number): Promise<boolean> {
  return size <= 0 || !metered() || (await confirm(t('models.metered_title'), t('models.metered_text', { size: bytes(size) }), t('models.download_anyway')));
}

async function start(plan: Plan, button: HTMLButtonElement, taken: () => void): Promise<void> {
  const { choice, probe } = plan;
  if (choice.kind === 'hub' && probe.download_bytes > 0) {
    if (!(await agreed(probe.download_bytes))) return;
    button.disabled = true;
    // Only a page may ask for this, and only now is there something to keep.
    void askPersist();
  }
  await model.choose(choice);
  void model.resume();
  taken();
}

/** Shows a plan in `root`; `taken` is called when the person has said yes, `dropped` when no. */
export function showPlan(root: HTMLElement, plan: Plan, taken: () => void, dropped: () => void): void {
  const { choice, probe } = plan, wrong = refusal(plan), speed = el('dd', { class: 'muted' }, t('models.measuring'));
  const blind = probe.format === 'gguf' && !probe.files.some((f) => /mmproj/i.test(f.name));
  const label = choice.kind === 'files' ? t('models.open') : probe.download_bytes > 0 ? t('models.download', { size: bytes(probe.download_bytes) }) : t('models.use');
  const yes = el('button', { type: 'button', class: 'button primary', disabled: wrong !== null, onclick: () => void start(plan, yes, taken) }, label);
  fill(root,
    el('h3', { tabIndex: -1 }, choice.name),
    wrong !== null && el('div', { class: 'notice error' }, el('p', null, wrong), el('details', null, el('summary', null, t('error.detail')), el('p', { class: 'small muted' }, probe.reason))),
    wrong === null && blind && el('p', { class: 'notice warn' }, t('models.blind')),
    wrong === null && tight(probe.memory_bytes) && el('p', { class: 'notice warn' }, t('models.tight')),
    wrong === null && choice.kind === 'hub' && probe.download_bytes > 0 && metered() && el('p', { class: 'notice warn' }, t('models.metered')),
    (wrong === null || probe.total_bytes > 0) && el('dl', { class: 'facts' }, facts(plan).map(([name, value]) => el('div', null, el('dt', null, name), el('dd', null, value))),
      wrong === null && el('div', { class: 'wide' }, el('dt', null, t('models.fact_speed')), speed)),
    probe.files.length > 0 && el('details', null, el('summary', null, t('models.files_listed', { n: probe.files.length })),
      el('ul', { class: 'small' }, probe.files.map((f) => el('li', null, `${f.name} · ${f.size >= 0 ? bytes(f.size) : t('models.unknown')}`)))),
    el('div', { class: 'row' }, wrong === null && yes, el('button', { type: 'button', class: 'button', onclick: dropped }, t('shell.cancel'))));
  root.hidden = false;
  root.querySelector<HTMLElement>('h3')!.focus();
  if (wrong !== null) return announce(wrong, 'assertive');
  speedText(plan).then((text) => (speed.textContent = text), () => (speed.textContent = t('models.speed_unknown')));
}
