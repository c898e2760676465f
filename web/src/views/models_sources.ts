// Where a model comes from: a hub or an address, or files that the person picks or drops.

import type { ModelSource } from 'galago';
import { announce, el, fill } from '../dom.js';
import { explain } from '../errors.js';
import { t } from '../i18n.js';
import { shortName, type ModelChoice } from '../model.js';
import { hubs, mayFetch } from '../policy.js';
import { lookAt, showPlan } from './models_plan.js';

const SUGGESTED = ['Qwen/Qwen3.5-0.8B'];
const PRECISIONS = ['auto', 'q4', 'q8', ''] as const;

/** Looks at a choice and shows what there is to know, in `place`; another look ends the one before. */
export class Looker {
  private stop: AbortController | null = null;
  constructor(private readonly place: HTMLElement, private readonly taken: () => void) {}

  /** What was shown is not what is asked for now. */
  clear(): void {
    this.stop?.abort();
    this.place.hidden = true;
    fill(this.place);
  }

  async look(choice: ModelChoice, back: HTMLElement): Promise<void> {
    this.stop?.abort();
    const stop = (this.stop = new AbortController()), { place } = this;
    const dropped = (): void => {
      this.clear();
      back.focus();
    };
    fill(place, el('div', { class: 'row' }, el('p', { class: 'pulse', role: 'status' }, t('models.looking', { name: choice.name })), el('button', { type: 'button', class: 'button', onclick: dropped }, t('shell.cancel'))));
    place.hidden = false;
    try {
      const plan = await lookAt(choice, stop.signal);
      if (!stop.signal.aborted) showPlan(place, plan, () => { fill(place); place.hidden = true; this.taken(); }, dropped);
    } catch (e) {
      if (stop.signal.aborted) return;
      const { text, detail } = explain(e);
      fill(place, el('div', { class: 'notice error' }, el('p', null, text), detail && el('p', { class: 'small muted' }, detail)));
      announce(text, 'assertive');
    }
  }
}

/** The id or address that was written, or why it is none. */
export function readId(text: string): { source: string } | { wrong: string } {
  const id = text.trim();
  if (/^https?:\/\//i.test(id)) {
    let address: URL;
    try {
      address = new URL(id);
    } catch {
      return { wrong: t('models.id_wrong') };
    }
    return mayFetch(address) ? { source: address.href } : { wrong: t('models.host_refused', { host: address.host }) };
  }
  return /^[\w][\w.-]*\/[\w][\w.-]*(@[\w./+-]+)?$/.test(id) ? { source: id } : { wrong: t('models.id_wrong') };
}

export function hubForm(looker: Looker, first: string): HTMLElement {
  const id = el('input', { id: 'models-id', type: 'text', value: first, required: true, autocomplete: 'off', spellcheck: false, 'autocapitalize': 'none', 'aria-describedby': 'models-id-hint models-id-wrong', placeholder: SUGGESTED[0] });
  id.setAttribute('list', 'models-ids');
  id.setAttribute('enterkeyhint', 'go');
  const wrong = el('p', { class: 'wrong small', id: 'models-id-wrong', hidden: true });
  const precision = el('select', { id: 'models-precision', 'aria-describedby': 'models-precision-hint' }, PRECISIONS.map((p) => el('option', { value: p }, t(`models.precision_${p || 'as_is'}`))));
  const revision = el('input', { id: 'models-revision', type: 'text', autocomplete: 'off', spellcheck: false, placeholder: 'main' });
  const token = el('input', { id: 'models-token', type: 'password', autocomplete: 'off', 'aria-describedby': 'models-token-hint' });
  const known = hubs(), hub = el('select', { id: 'models-hub' }, known.map((h) => el('option', { value: h }, h)));
  const field = (input: HTMLElement, name: string, hint = true): HTMLElement => el('div', { class: 'field' }, el('label', { htmlFor: input.id }, t(`models.${name}`)), input, hint && el('p', { class: 'hint', id: `${input.id}-hint` }, t(`models.${name}_hint`)));

  function submit(e: Event): void {
    e.preventDefault();
    const read = readId(id.value);
    const refuse = (text: string): void => {
      wrong.textContent = text;
      wrong.hidden = text === '';
      id.setAttribute('aria-invalid', String(text !== ''));
    };
    if ('wrong' in read) {
      refuse(read.wrong);
      looker.clear();
      announce(read.wrong, 'assertive');
      return id.focus();
    }
    refuse('');
    const [source, at] = /^https?:/.test(read.source) ? [read.source] : read.source.split('@');
    const chosen = at ?? revision.value.trim();
    void looker.look({
      kind: 'hub', name: shortName(source!), source: source!,
      options: {
        ...(precision.value && { dtype: precision.value }), ...(chosen && chosen !== 'main' && { revision: chosen }),
        ...(token.value && { token: token.value }), ...(known.length && hub.value !== 'https://huggingface.co' && !/^https?:/.test(source!) && { base_url: hub.value }),
      },
    }, id);
  }

  return el('form', { class: 'models-hub', noValidate: true, onsubmit: submit },
    el('div', { class: 'field' },
      el('label', { htmlFor: id.id }, t('models.id')),
      el('div', { class: 'joined' }, id, el('button', { type: 'submit', class: 'button primary' }, t('models.look'))),
      wrong,
      el('p', { class: 'hint', id: 'models-id-hint' }, t('models.id_hint'))),
    el('datalist', { id: 'models-ids' }, SUGGESTED.map((value) => el('option', { value }))),
    el('details', null, el('summary', null, t('models.more')),
      el('div', { class: 'models-more' }, field(precision, 'precision'), field(revision, 'revision', false), field(token, 'token'), known.length > 1 && field(hub, 'hub', false))));
}

/** Files of dropped items by their paths; folders are gone through. */
async function droppedFiles(data: DataTransfer): Promise<Map<string, File>> {
  const found = new Map<string, File>();
  const walk = async (entry: FileSystemEntry, path: string): Promise<void> => {
    if (entry.isFile) {
      found.set(path, await new Promise<File>((done, failed) => (entry as FileSystemFileEntry).file(done, failed)));
      return;
    }
    const reader = (entry as FileSystemDirectoryEntry).createReader();
    for (;;) {
      // A reader gives a hundred at a time.
      const some = await new Promise<FileSystemEntry[]>((done, failed) => reader.readEntries(done, failed));
      if (!some.length) return;
      for (const e of some) await walk(e, `${path}/${e.name}`);
    }
  };
  // The items are gone after the first wait. A file is taken as it was given: what is dragged out of another program has no place
  // on the disk to be read from.
  const folders: FileSystemEntry[] = [];
  for (const item of data.items) {
    const entry = item.webkitGetAsEntry?.(), file = item.getAsFile();
    if (entry?.isDirectory) folders.push(entry);
    else if (file) found.set(file.name, file);
  }
  for (const folder of folders) await walk(folder, folder.name);
  return found;
}

const pathsOf = (list: FileList): Map<string, File> => new Map([...list].map((f) => [f.webkitRelativePath || f.name, f]));

/** The choice that files make; null where none is a model's. */
export function filesChoice(files: Map<string, File>): ModelChoice | null {
  const useful = [...files].filter(([path]) => /\.(gguf|safetensors|json|jinja|txt)$/i.test(path));
  const main = useful.find(([path]) => /\.gguf$/i.test(path) && !/mmproj/i.test(path)) ?? useful.find(([path]) => /\.safetensors$/i.test(path));
  if (!main) return null;
  const gguf = /\.gguf$/i.test(main[0]), folder = main[0].split('/').at(-2);
  const name = gguf ? main[1].name.replace(/\.gguf$/i, '') : folder ?? t('models.own_files');
  return { kind: 'files', name, source: { files: Object.fromEntries(useful) } as ModelSource, options: { dtype: 'auto' } };
}

export function filesForm(looker: Looker): HTMLElement {
  const wrong = el('p', { class: 'wrong small', hidden: true });
  const take = (files: Map<string, File>, back: HTMLElement): void => {
    const choice = filesChoice(files);
    wrong.hidden = choice !== null;
    if (choice) return void looker.look(choice, back);
    looker.clear();
    wrong.textContent = t('models.files_wrong');
    announce(wrong.textContent, 'assertive');
  };
  const input = (id: string, folder: boolean): HTMLInputElement => {
    const field = el('input', {
      type: 'file', id, class: 'unseen', multiple: true, tabIndex: -1, 'aria-hidden': 'true',
      onchange: () => {
        if (field.files?.length) take(pathsOf(field.files), button);
        field.value = '';
      },
    });
    if (folder) field.webkitdirectory = true;
    const button = el('button', { type: 'button', class: 'button', onclick: () => field.click() }, t(folder ? 'models.choose_folder' : 'models.choose_files'));
    buttons.push(button, field);
    return field;
  };
  const buttons: HTMLElement[] = [];
  input('models-files', false);
  // Phones know no folders.
  if ('webkitdirectory' in HTMLInputElement.prototype && matchMedia('(pointer: fine)').matches) input('models-folder', true);
  const zone = el('div', { class: 'dropzone' }, el('p', null, t('models.files_text')), el('div', { class: 'row' }, buttons), wrong);
  for (const type of ['dragenter', 'dragover', 'dragleave', 'drop']) {
    zone.addEventListener(type, (e) => {
      const { dataTransfer } = e as DragEvent;
      if (!dataTransfer?.types.includes('Files')) return;
      e.preventDefault();
      zone.classList.toggle('over', type === 'dragenter' || type === 'dragover');
      if (type === 'drop') void droppedFiles(dataTransfer).then((files) => take(files, zone.querySelector('button')!), () => (wrong.hidden = false, wrong.textContent = t('error.io')));
    });
  }
  return zone;
}
