// One row in full: the picture, the whole answer, which may be written over, and what can be done with it.
import { copy, el, fill } from '../dom.js';
import { bytes, number, seconds, t } from '../i18n.js';
import { settings } from '../settings.js';
import type { Queue, Row } from './batch_queue.js';

export interface DetailOptions {
  queue: Queue;
  open(row: Row): Promise<Blob>;
  rerun(row: number): void;
  remove(row: number): void;
  /** The rows as the table shows them: for the next and the one before. */
  order(): readonly Row[];
  /** The dialog was closed at this row. */
  closed(row: number): void;
}

export function openDetail(id: number, { queue, open, rerun, remove, order, closed }: DetailOptions): void {
  let row = queue.get(id);
  if (!row) return;
  let url: string | null = null;
  const button = (key: string, onclick: () => void, kind = ''): HTMLButtonElement => el('button', { type: 'button', class: `button ${kind}`, onclick }, t(`batch.${key}`));
  const title = el('h2', { id: 'batch-detail-title', tabIndex: -1 }), picture = el('div', { class: 'b-picture' });
  const words = el('textarea', { id: 'batch-answer', rows: 6, dir: 'auto' }), facts = el('p', { class: 'hint num' }), failure = el('p', { class: 'notice error', role: 'alert', hidden: true });
  const back = button('made_back', () => row?.made !== undefined && write(row.made), 'quiet');
  const again = button('again', () => row && (save(), rerun(row.id)));
  const previous = button('previous', () => step(-1)), next = button('next', () => step(1));
  const dialog = el('dialog', { class: 'dialog b-detail', 'aria-labelledby': 'batch-detail-title' },
    el('div', { class: 'b-detail-head' }, title, button('close', () => dialog.close(), 'quiet')),
    picture,
    failure,
    el('div', { class: 'field' }, el('label', { htmlFor: 'batch-answer' }, t('batch.answer')), words, facts),
    el('div', { class: 'row' },
      button('copy', () => row && void copy(words.value)), again, back,
      button('remove', () => {
        const gone = row!.id, rest = order(), place = rest.findIndex((r) => r.id === gone), other = rest[place + 1] ?? rest[place - 1];
        remove(gone);
        if (other) show(other);
        else dialog.close();
      }, 'danger')),
    el('div', { class: 'row b-steps' }, previous, next));

  function save(): void {
    if (row && !words.readOnly && words.value.trim() !== row.answer) queue.edit(row.id, words.value.trim());
  }
  function write(text: string): void {
    words.value = text;
    save();
  }
  /** The parts that change while it is answered. */
  function update(): void {
    if (!row) return;
    const running = row.state === 'running';
    // What a person is writing is not written over.
    if (running || words.readOnly || document.activeElement !== words) words.value = row.answer;
    words.readOnly = running;
    words.setAttribute('aria-busy', String(running));
    failure.hidden = row.state !== 'failed';
    failure.textContent = row.error ?? '';
    back.hidden = row.made === undefined;
    again.disabled = running;
    // Those who care have asked for them.
    const f = settings.get().figures ? row.figures : undefined;
    facts.textContent = [
      t(`batch.state_${row.made === undefined ? row.state : 'edited'}`), bytes(row.size), row.seconds !== undefined && seconds(row.seconds),
      f && t('batch.tokens', { n: f.completion_tokens }), f?.timings.decode_tok_s && t('batch.speed', { speed: number(f.timings.decode_tok_s, { maximumFractionDigits: 0 }) }),
      f && `${f.model}, ${f.device}`,
    ].filter(Boolean).join(' · ');
  }
  function show(other: Row): void {
    row = other;
    const { id: mine } = other;
    title.textContent = other.name;
    if (url) URL.revokeObjectURL(url);
    url = null;
    fill(picture);
    update();
    words.value = other.answer;
    const rows = order(), place = rows.findIndex((r) => r.id === mine);
    previous.disabled = place <= 0;
    next.disabled = place < 0 || place >= rows.length - 1;
    open(other).then((blob) => {
      if (row?.id !== mine || !dialog.open) return;
      url = URL.createObjectURL(blob);
      fill(picture, el('img', { src: url, alt: other.name, onerror: () => fill(picture, el('p', { class: 'muted' }, t('batch.no_preview'))) }));
    }).catch((e: unknown) => row?.id === mine && fill(picture, el('p', { class: 'muted' }, e instanceof Error ? e.message : String(e))));
  }
  function step(by: number): void {
    save();
    const rows = order(), place = rows.findIndex((r) => r.id === row?.id), other = rows[place + by];
    if (!other) return;
    show(other);
    // A button that was disabled lost the focus.
    if (document.activeElement === document.body) title.focus();
  }

  const off = queue.listen((change) => {
    if ((change.kind === 'row' || change.kind === 'piece') && change.row.id === row?.id) update();
  });
  words.addEventListener('change', save);
  dialog.addEventListener('close', () => {
    save();
    off();
    if (url) URL.revokeObjectURL(url);
    dialog.remove();
    if (row) closed(row.id);
  });
  document.body.append(dialog);
  show(row);
  dialog.showModal();
  title.focus();
}
