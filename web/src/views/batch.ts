// Many pictures at once: the list, what is asked about it, and the table that fills as it goes.
import { announce, confirm, copy, download, el, fill, toast } from '../dom.js';
import { seconds, t } from '../i18n.js';
import { model } from '../model.js';
import type { View } from '../router.js';
import { askModel } from './batch_ask.js';
import { openDetail } from './batch_detail.js';
import { csv, jsonl, tabbed } from './batch_export.js';
import { MOST, sort, type Found } from './batch_files.js';
import { listen } from './batch_intake.js';
import { Keeper } from './batch_keep.js';
import { showSaved } from './batch_lists.js';
import { makeParts, type Filter } from './batch_parts.js';
import { PRESETS, type Preset } from './batch_prompts.js';
import { Queue, type Row } from './batch_queue.js';
import { Sources } from './batch_sources.js';
import { batchStore, type ListRecord } from './batch_store.js';
import { Tab, browserHolds } from './batch_tab.js';
import { Table } from './batch_table.js';
import { Thumbs } from './batch_thumbs.js';
import { keepAwake } from './batch_wake.js';

/** Whether the person wants a list kept lives as long as the tab too. */
const KEEP = 'galago.batch.keep';
/** A storage that has not answered by then is not waited for. */
const SILENT_MS = 10_000;

export function mount(root: HTMLElement): View {
  let preset: Preset = 'describe', filter: Filter = 'all', visible = false, exported = 0, told = 0, drawn = 0;
  const locks = navigator.locks as LockManager | undefined;
  const store = batchStore(), tab = new Tab(locks ? browserHolds(locks) : { take: async () => null, held: async () => new Set() }, sessionStorage);
  const sources = new Sources(async (row) => (tab.list ? store.file(tab.list, row) : undefined));
  const parts = makeParts((chosen) => choosePreset(chosen));
  const { go, stop, bar, keep, notices } = parts;
  const queue = new Queue((row, hooks) => askModel(row, hooks, sources, () => ({ preset, own: parts.own.value })));
  const keeper = new Keeper(store, tab, queue, {
    picture: (row) => sources.picture(row), meta: () => ({ preset, question: parts.own.value, folders: Object.fromEntries(sources.folders) }), onchange: () => draw(),
    room: async () => {
      const { quota, usage } = (await navigator.storage?.estimate?.().catch(() => undefined)) ?? {};
      return quota === undefined ? null : quota - (usage ?? 0);
    },
  });
  const picture = async (id: number): Promise<Blob> => {
    const row = queue.get(id);
    if (!row) throw new Error('gone');
    return sources.open(row);
  };
  const thumbs = new Thumbs(picture), table = new Table(thumbs, (id) => detail(id));
  const awake = keepAwake();

  const list = el('div', { class: 'b-list', hidden: true }, parts.tools, el('div', { class: 'card b-table-card' }, table.element, parts.none), parts.about);
  root.append(
    el('h1', { tabIndex: -1, 'data-t': 'batch.title' }), el('p', { class: 'lead', 'data-t': 'batch.lead' }), notices,
    el('div', { class: 'card b-setup' }, parts.drop, parts.preset.element, parts.ownField), bar, parts.keepBox, list, parts.saved);
  parts.preset.set(preset);
  // The bar sticks below the page's head, which is higher where the views' bar is in it.
  const head = document.querySelector<HTMLElement>('header.top');
  if (head) new ResizeObserver(() => bar.style.setProperty('--b-top', `${head.offsetHeight}px`)).observe(head);

  // ---- pictures come in
  async function add(collecting: Promise<Found[]>): Promise<void> {
    parts.drop.setAttribute('aria-busy', 'true');
    try {
      const files = await collecting;
      // The list of before a reload comes first: its rows have their numbers already.
      await restored;
      const { found, left_out } = sort(files), room = MOST - queue.rows.length, taken = found.slice(0, Math.max(0, room));
      const rows = queue.add(taken.map((one) => sources.describe(one)));
      rows.forEach((row, i) => row.folder === undefined && sources.add(row.id, taken[i]!.file));
      if (left_out.length) toast(t('batch.left_out', { n: left_out.length, names: left_out.slice(0, 3).join(', ') }));
      if (found.length > taken.length) toast(t('batch.too_many', { n: MOST }));
      if (taken.length) announce(t('batch.added', { n: taken.length }));
      else if (!left_out.length) toast(t('batch.nothing_found'));
    } catch (e) {
      toast(t('batch.unreadable', { why: e instanceof Error ? e.message : String(e) }));
    } finally {
      parts.drop.removeAttribute('aria-busy');
    }
  }
  const intake = listen(parts, (collecting) => void add(collecting));

  // ---- the question
  function choosePreset(chosen: Preset): void {
    preset = chosen;
    parts.preset.set(chosen);
    parts.ownField.hidden = chosen !== 'own';
    keeper.metaChanged();
    draw();
  }
  parts.own.addEventListener('input', () => (keeper.metaChanged(), draw()));

  // ---- the run
  async function start(): Promise<void> {
    if (preset === 'own' && !parts.own.value.trim()) {
      toast(t('batch.own_missing'));
      return parts.own.focus();
    }
    if (!(await sources.allow())) toast(t('batch.source_no_permission'));
    fill(notices);
    await queue.start();
  }
  go.addEventListener('click', async () => {
    if (queue.state === 'running') return queue.pause();
    if (queue.state === 'pausing' || queue.counts.waiting) return start();
    const { done, failed } = queue.counts;
    if (!(await confirm(t('batch.again_title'), t('batch.again_text', { n: done + failed }), t('batch.again_yes')))) return;
    queue.askAgain();
    await start();
  });
  stop.addEventListener('click', () => (queue.stop(), go.focus()));
  parts.retry.addEventListener('click', () => (queue.retryFailed(), go.focus(), void start()));
  function remove(ids: number[]): void {
    queue.remove(ids);
    sources.forget(ids);
    thumbs.forget(ids);
  }
  async function empty(): Promise<void> {
    queue.stop();
    // What a saved list still has to store comes first; nothing else may be pressed meanwhile.
    root.inert = true;
    await keeper.detach().catch(() => undefined);
    root.inert = false;
    queue.clear();
    sources.clear();
    thumbs.clear();
    exported = 0;
    fill(notices);
    await lists();
  }
  parts.clear.addEventListener('click', async () => {
    const { done } = queue.counts;
    if (done && !keeper.saved && !(await confirm(t('batch.clear_title'), t('batch.clear_text', { n: done }), t('batch.clear'), { danger: true }))) return;
    await empty();
    parts.choose.focus();
  });
  function detail(id: number): void {
    openDetail(id, { queue, open: (row) => sources.open(row), rerun: (row) => void queue.rerun(row), remove: (row) => remove([row]), order: () => rows(), closed: (row) => table.focus(row) });
  }

  // ---- keeping
  keep.addEventListener('change', () => {
    sessionStorage.setItem(KEEP, keep.checked ? 'on' : 'off');
    void keeper.turn(keep.checked).catch((e: unknown) => toast(e instanceof Error ? e.message : String(e)));
  });
  parts.save.addEventListener('click', async () => {
    const first = queue.rows[0]!.name.split('/').at(-1)!, n = queue.rows.length - 1;
    const done = await keeper.save(n ? t('batch.list_name', { name: first, n }) : first);
    toast(done ? t('batch.saved_toast') : keepWords());
  });
  parts.unsave.addEventListener('click', async () => {
    await keeper.unsave().catch((e: unknown) => toast(e instanceof Error ? e.message : String(e)));
    toast(t('batch.unsaved_toast'));
  });
  function take({ record, rows: kept }: { record: ListRecord; rows: Row[] }): void {
    sources.restore(record.folders);
    parts.own.value = record.question;
    choosePreset(PRESETS.find((p) => p === record.preset) ?? 'describe');
    queue.restore(kept);
  }
  async function openSaved(record: ListRecord): Promise<void> {
    if (queue.counts.done && !keeper.saved && !(await confirm(t('batch.replace_title'), t('batch.replace_text', { n: queue.counts.done }), t('batch.open')))) return;
    await empty();
    const back = await keeper.open(record.id);
    if (!back) return toast(t('batch.open_elsewhere'));
    take(back);
    await lists();
    go.focus();
  }
  const lists = (): Promise<void> => showSaved(parts.saved, keeper, tab.list, (record) => void openSaved(record).catch((e: unknown) => toast(String(e))));
  async function restore(): Promise<void> {
    if (!locks) {
      keep.disabled = parts.save.disabled = true;
      return keeper.turn(false);
    }
    const wanted = sessionStorage.getItem(KEEP) !== 'off', back = await Promise.race([keeper.back(), new Promise<never>((_, refuse) => setTimeout(() => refuse(new Error(t('batch.storage_silent'))), SILENT_MS))]);
    if (!wanted && !back) await keeper.turn(false);
    if (back?.rows.length) {
      take(back);
      write();
      const { done, waiting } = queue.counts;
      const more = el('button', { type: 'button', class: 'button primary', onclick: () => (go.focus(), void start()) }, t('batch.go_on'));
      fill(notices, el('div', { class: 'notice row', role: 'status' }, el('p', null, t('batch.back', { done, n: done + waiting + queue.counts.failed })), waiting > 0 && more));
    }
  }

  // ---- taking along
  const stamp = (): string => new Date().toISOString().slice(0, 10);
  const save = (ending: string, type: string, lines: Iterable<string>): void => {
    download(`galago-${stamp()}.${ending}`, type, new Blob([...lines], { type }));
    exported = queue.counts.done;
  };
  parts.csv.addEventListener('click', () => save('csv', 'text/csv;charset=utf-8', csv(queue.rows)));
  parts.jsonl.addEventListener('click', () => save('jsonl', 'application/jsonl', jsonl(queue.rows)));
  parts.copyAll.addEventListener('click', async () => {
    if (await copy([...tabbed(queue.rows)].join(''))) exported = queue.counts.done;
  });
  addEventListener('beforeunload', (e) => {
    if (keeper.state === 'on') void keeper.settle();
    else if (queue.counts.done > exported) e.preventDefault();
  });
  addEventListener('pagehide', () => void keeper.settle());

  // ---- what is shown
  const rows = (): readonly Row[] => (filter === 'all' ? queue.rows : queue.rows.filter((row) => (filter === 'waiting' ? row.state === 'waiting' || row.state === 'running' : row.state === filter)));
  for (const [name, element] of parts.filters) {
    element.addEventListener('click', () => {
      filter = name;
      for (const [other, e] of parts.filters) e.setAttribute('aria-pressed', String(other === name));
      show();
    });
  }
  function show(): void {
    const seen = rows();
    table.show(seen);
    parts.none.hidden = seen.length > 0;
    table.element.hidden = !seen.length;
    draw();
  }
  function draw(): void {
    drawn ||= requestAnimationFrame(() => {
      drawn = 0;
      write();
    });
  }
  function write(): void {
    const { counts, state } = queue, n = queue.rows.length, some = n > 0, running = state === 'running' || state === 'pausing';
    root.classList.toggle('has-list', some);
    list.hidden = bar.hidden = !some;
    go.textContent = t(`batch.${state === 'running' ? 'pause' : state === 'pausing' ? 'keep_going' : state === 'paused' ? 'resume' : counts.waiting || !some ? 'start' : 'start_again'}`);
    go.classList.toggle('primary', state !== 'running' && (counts.waiting > 0 || !some));
    stop.hidden = state === 'idle';
    const left = running ? queue.secondsLeft() : null;
    parts.counts.textContent = [
      t('batch.counts', { done: counts.done, n }), counts.failed && t('batch.failed_n', { n: counts.failed }),
      state === 'pausing' ? t('batch.pausing') : state === 'paused' ? t('batch.paused') : left !== null && counts.waiting + counts.running > 0 && t('batch.left', { time: seconds(left) }),
      running && model.state === 'loading' && t('batch.loading'),
    ].filter(Boolean).join(' · ');
    parts.progress.value = n ? (counts.done + counts.failed) / n : 0;
    parts.retry.hidden = !counts.failed || running;
    parts.csv.disabled = parts.jsonl.disabled = counts.done + counts.failed === 0;
    parts.copyAll.disabled = counts.done === 0;
    const total: Record<Filter, number> = { all: n, waiting: counts.waiting + counts.running, done: counts.done, failed: counts.failed };
    for (const [f, element] of parts.filters) {
      element.textContent = t(`batch.filter_${f}`, { n: total[f] });
      element.hidden = f !== 'all' && f !== filter && !total[f];
    }
    parts.choose.classList.toggle('primary', !some);
    keep.checked = keeper.state === 'on';
    keep.disabled = !locks || keeper.saved;
    parts.keepBox.hidden = !some;
    parts.save.hidden = keeper.saved;
    parts.unsave.hidden = !keeper.saved;
    parts.keepState.textContent = keepWords();
    parts.keepState.classList.toggle('warn', keeper.state === 'full' || keeper.state === 'refused');
  }
  function keepWords(): string {
    const { state, saved, pending } = keeper;
    if (!locks) return t('batch.keep_unavailable');
    if (state === 'full') return t(saved ? 'batch.full_saved' : 'batch.full');
    if (state === 'refused') return t('batch.keep_refused', { why: keeper.problem ?? '' });
    if (state === 'on' && pending > 20) return t('batch.keeping', { n: pending });
    return saved ? t('batch.keep_saved', { name: keeper.name }) : '';
  }
  queue.listen((change) => {
    if (change.kind === 'rows' || (change.kind === 'row' && filter !== 'all')) show();
    else if (change.kind === 'row' || change.kind === 'piece') table.change(change.row);
    if (change.kind === 'run') ran();
    else if (change.kind === 'row') tell();
    if (change.kind !== 'piece') draw();
  });
  /** The run began, pauses or ended. */
  function ran(): void {
    const { state, problem, counts } = queue;
    awake(state === 'running');
    if (problem) {
      fill(notices, el('div', { class: 'notice error', role: 'alert' }, el('p', null, t(`batch.problem_${problem.kind}`)), el('p', null, problem.message),
        problem.kind === 'run' && el('p', null, el('a', { href: '#models' }, t('batch.to_models')))));
      notices.scrollIntoView({ block: 'nearest' });
    } else if (state === 'running') {
      told = 0;
    }
    if (state === 'paused') announce(t('batch.paused'));
    else if (state === 'idle' && !counts.waiting && counts.done + counts.failed) announce(t('batch.finished', { done: counts.done, n: queue.rows.length }));
  }
  /** A reader hears of each quarter, not of each picture. */
  function tell(): void {
    const { done, failed } = queue.counts, quarter = Math.floor((4 * (done + failed)) / queue.rows.length);
    if (queue.state !== 'running' || quarter <= told || quarter >= 4) return;
    told = quarter;
    announce(t('batch.counts', { done, n: queue.rows.length }));
  }
  setInterval(() => visible && queue.state !== 'idle' && draw(), 1000);
  model.addEventListener('change', draw);
  document.addEventListener('languagechange', () => {
    table.refresh();
    draw();
    void lists();
  });
  draw();
  const restored = restore().catch((e: unknown) => {
    // A browser whose storage is shut, as in some private windows, or silent: the list goes on without.
    keeper.giveUp(e instanceof Error ? e.message : String(e));
  });
  void restored.then(lists).then(() => keeper.sweep()).catch(() => undefined);

  return {
    show() {
      visible = true;
      intake(true);
      table.refresh();
      draw();
    },
    hide() {
      visible = false;
      intake(false);
    },
  };
}
