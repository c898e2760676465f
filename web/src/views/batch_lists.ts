// The lists that a person saved on this device: opened and deleted here.
import { confirm, el, fill, toast } from '../dom.js';
import { date, t } from '../i18n.js';
import type { Keeper } from './batch_keep.js';
import type { ListRecord } from './batch_store.js';

/** Shows the saved lists in `root`, which is hidden where there are none. `open` makes one the table's. */
export async function showSaved(root: HTMLElement, keeper: Keeper, mine: string | null, open: (list: ListRecord) => void): Promise<void> {
  let lists: ListRecord[];
  try {
    lists = await keeper.saveds();
  } catch {
    // A browser that stores nothing has saved nothing.
    lists = [];
  }
  const other = lists.filter((list) => list.id !== mine);
  root.hidden = !other.length;
  if (!other.length) return fill(root);
  const again = (): Promise<void> => showSaved(root, keeper, mine, open);
  fill(root, el('h2', { id: 'batch-saved' }, t('batch.saved_lists')), el('ul', { class: 'b-saved-lists' }, other.map((list) => el('li', null,
    el('div', null, el('strong', null, list.name), el('span', { class: 'muted small' }, `${t('batch.counts', { done: list.done, n: list.count })} · ${date(list.updated)}`)),
    el('div', { class: 'row' },
      el('button', { type: 'button', class: 'button', 'aria-label': t('batch.open_named', { name: list.name }), onclick: () => open(list) }, t('batch.open')),
      el('button', {
        type: 'button', class: 'button quiet', 'aria-label': t('batch.delete_named', { name: list.name }),
        onclick: async () => {
          if (!(await confirm(t('batch.delete_title'), t('batch.delete_text', { name: list.name }), t('batch.delete'), { danger: true }))) return;
          await keeper.deleteSaved(list.id).catch((e: unknown) => toast(e instanceof Error ? e.message : String(e)));
          await again();
        },
      }, t('batch.delete')))))));
}
