// Keeps a batch's list through a reload: what changed is written a little later, in the background, in small pieces. Where the storage
// refuses, the list goes on without.
import type { Change, Queue, Row } from './batch_queue.js';
import type { BatchStore, ListRecord } from './batch_store.js';
import type { Tab } from './batch_tab.js';

/** `off`: the person does not want it. `full`: no room. `refused`: the storage failed otherwise, see `problem`. */
export type KeepState = 'on' | 'off' | 'full' | 'refused';
export type Meta = Pick<ListRecord, 'preset' | 'question' | 'folders'>;

export interface KeepOptions {
  /** Bytes that may still be stored; null where the browser does not tell. */
  room(): Promise<number | null>;
  /** The picture itself, where it is to be kept: one from a folder that can be read again is not. */
  picture(row: Row): Blob | undefined;
  meta(): Meta;
  onchange(): void;
  now?(): number;
  /** Waits before what changed is written. */
  delay_ms?: number;
}

/** Of one transaction. */
const ROWS = 500, FILES = 64, FILE_BYTES = 32e6;

export class Keeper {
  state: KeepState = 'on';
  saved = false;
  name = '';
  /** What the storage said. */
  problem: string | null = null;
  private readonly dirty = new Set<number>();
  private readonly gone = new Set<number>();
  private readonly stored = new Set<number>();
  private timer: ReturnType<typeof setTimeout> | null = null;
  private writing: Promise<void> | null = null;
  private dirtyMeta = false;
  /** The list's record is stored. */
  private recorded = false;
  private known = new Set<number>();
  /** The storage did not answer: what it says later is not heard, and the list that it may hold is left as it is. */
  private abandoned = false;
  private readonly off: () => void;

  constructor(private readonly store: BatchStore, private readonly tab: Tab, private readonly queue: Queue, private readonly options: KeepOptions) {
    this.off = queue.listen((change) => this.heard(change));
  }

  /** Rows and pictures that are not stored yet. */
  get pending(): number {
    return this.dirty.size + this.gone.size;
  }

  /** Everything so far would be there after a reload. */
  get safe(): boolean {
    return this.state === 'on' && this.pending === 0 && !this.writing;
  }

  end(): void {
    this.off();
    if (this.timer) clearTimeout(this.timer);
  }

  /** The list that this tab had, or null. Lists of tabs that are gone are deleted a while later. */
  async back(): Promise<{ record: ListRecord; rows: Row[] } | null> {
    const id = await this.tab.back();
    return id ? this.read(id) : null;
  }

  /** A saved list becomes this tab's; null where another tab has it or it is no more. */
  async open(id: string): Promise<{ record: ListRecord; rows: Row[] } | null> {
    await this.settle();
    return (await this.tab.hold(id)) ? this.read(id) : null;
  }

  private async read(id: string): Promise<{ record: ListRecord; rows: Row[] } | null> {
    const record = await this.store.list(id);
    if (this.abandoned) return null;
    if (!record) {
      this.tab.letGo();
      return null;
    }
    const rows = await this.store.rows(id);
    if (this.abandoned) return null;
    this.forget();
    for (const row of rows) {
      this.known.add(row.id);
      this.stored.add(row.id);
    }
    this.recorded = true;
    this.saved = record.saved;
    this.name = record.name;
    this.state = 'on';
    return { record, rows };
  }

  saveds(): Promise<ListRecord[]> {
    return this.store.lists().then((lists) => lists.filter((list) => list.saved).sort((a, b) => b.updated - a.updated));
  }

  /** Deletes the lists that no tab has and nobody saved. */
  async sweep(later_ms?: number): Promise<number> {
    const lists = await this.store.lists();
    const orphans = await this.tab.orphans(lists.filter((list) => !list.saved).map((list) => list.id), later_ms);
    for (const id of orphans) await this.store.drop(id);
    return orphans.length;
  }

  async deleteSaved(id: string): Promise<void> {
    if (id === this.tab.list) await this.unsave();
    else await this.store.drop(id);
  }

  /** Stays after the tab is gone. */
  async save(name: string): Promise<boolean> {
    const before = this.saved;
    this.name = name;
    this.saved = true;
    this.dirtyMeta = true;
    if (this.state === 'on') await this.settle();
    else await this.turn(true);
    if (this.state !== 'on' && !before) await this.discard().catch(() => undefined);
    this.options.onchange();
    return this.saved;
  }

  /** A saved list becomes one that lives as long as its tab. */
  async unsave(): Promise<void> {
    this.saved = false;
    this.dirtyMeta = true;
    if (this.state === 'on') await this.settle();
    else await this.discard();
    this.options.onchange();
  }

  /** Goes on without keeping; a reload tries again. */
  giveUp(why: string): void {
    this.abandoned = true;
    this.state = 'refused';
    this.problem = why;
    this.options.onchange();
  }

  /** Turned off, what is kept is deleted at once. */
  async turn(on: boolean): Promise<void> {
    if (!on) {
      this.state = 'off';
      await this.discard();
    } else {
      if (this.abandoned) this.tab.letGo();
      this.abandoned = false;
      this.state = 'on';
      this.problem = null;
      for (const row of this.queue.rows) {
        this.known.add(row.id);
        this.dirty.add(row.id);
      }
      this.dirtyMeta = true;
      await this.settle();
    }
    this.options.onchange();
  }

  /** The table was emptied: a saved list stays as it was, another one is deleted. Call before the rows go. */
  async detach(): Promise<void> {
    // Nothing of this table is stored, and a storage that is silent would be waited for.
    if (this.abandoned) return;
    if (this.saved) {
      await this.settle();
      this.tab.letGo();
      this.forget();
      this.saved = false;
    } else {
      await this.discard();
    }
    if (this.state !== 'off') this.state = 'on';
    this.problem = null;
    this.options.onchange();
  }

  /** The question was changed. */
  metaChanged(): void {
    this.dirtyMeta = true;
    this.later();
  }

  /** Writes what waits, now. */
  async settle(): Promise<void> {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    while (this.writing) await this.writing;
    if (this.state !== 'on' || (!this.pending && !this.dirtyMeta)) return;
    this.writing = this.write().catch((error: unknown) => this.refused(error)).finally(() => {
      this.writing = null;
      this.options.onchange();
    });
    await this.writing;
  }

  private heard(change: Change): void {
    if (change.kind === 'row') this.dirty.add(change.row.id);
    else if (change.kind === 'rows') this.compare();
    else return;
    this.later();
  }

  private compare(): void {
    for (const row of this.queue.rows) {
      if (this.known.has(row.id)) continue;
      this.known.add(row.id);
      this.dirty.add(row.id);
    }
    if (this.known.size === this.queue.rows.length) return;
    for (const id of this.known) {
      if (this.queue.get(id)) continue;
      this.known.delete(id);
      this.dirty.delete(id);
      if (this.stored.delete(id)) this.gone.add(id);
    }
  }

  private later(): void {
    if (this.state === 'on') this.timer ??= setTimeout(() => void this.settle(), this.options.delay_ms ?? 250);
  }

  private async write(): Promise<void> {
    if (!this.tab.list) {
      if (!this.queue.rows.length) {
        this.dirty.clear();
        this.dirtyMeta = false;
        return;
      }
      await this.tab.fresh();
    }
    const id = this.tab.list!;
    await this.checkRoom();
    // The first time the record comes first: what is written can then be found and deleted, whatever happens. Later the rows do: a
    // page that is being left has no time for two.
    if (!this.recorded) await this.writeMeta(id);
    while (this.state === 'on' && this.pending && this.tab.list === id) {
      const rows: Row[] = [], files: [number, Blob][] = [], gone = [...this.gone];
      let bytes = 0;
      for (const number of this.dirty) {
        const row = this.queue.get(number);
        const blob = row && !this.stored.has(number) ? this.options.picture(row) : undefined;
        if (blob && files.length && (files.length >= FILES || bytes + blob.size > FILE_BYTES)) break;
        this.dirty.delete(number);
        if (!row) continue;
        rows.push({ ...row });
        if (blob) {
          files.push([number, blob]);
          bytes += blob.size;
        }
        if (rows.length >= ROWS) break;
      }
      this.gone.clear();
      await this.store.write(id, { rows, files, gone });
      for (const row of rows) {
        if (this.queue.get(row.id)) this.stored.add(row.id);
        else this.gone.add(row.id);
      }
      this.options.onchange();
    }
    await this.writeMeta(id);
  }

  private async writeMeta(id: string): Promise<void> {
    this.dirtyMeta = false;
    this.recorded = true;
    const { rows, counts } = this.queue;
    await this.store.putList({ id, saved: this.saved, name: this.name, updated: (this.options.now ?? Date.now)(), count: rows.length, done: counts.done, ...this.options.meta() });
  }

  /** Half of what is free stays free: models need room too, and a browser that runs short deletes what it likes. */
  private async checkRoom(): Promise<void> {
    let bytes = 0;
    for (const id of this.dirty) {
      const row = this.stored.has(id) ? undefined : this.queue.get(id);
      if (row) bytes += this.options.picture(row)?.size ?? 0;
    }
    if (!bytes) return;
    const room = await this.options.room();
    if (room !== null && bytes > room / 2) throw new DOMException(`${bytes} bytes of pictures; ${room} bytes are free`, 'QuotaExceededError');
  }

  private async refused(error: unknown): Promise<void> {
    this.state = (error as Error | null)?.name === 'QuotaExceededError' ? 'full' : 'refused';
    this.problem = error instanceof Error ? error.message : String(error);
    // Half a list would be worse than none; but what the person saved is not taken away.
    if (!this.saved) await this.discard(true).catch(() => undefined);
  }

  /** `writing`: called by the writing itself. Else what is being written ends first: it would come after the deletion. */
  private async discard(writing = false): Promise<void> {
    const id = this.tab.list;
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    this.forget();
    this.saved = false;
    while (!writing && this.writing) await this.writing;
    this.forget();
    if (!id) return;
    await this.store.drop(id);
    if (this.tab.list === id) this.tab.letGo();
  }

  private forget(): void {
    this.dirty.clear();
    this.gone.clear();
    this.stored.clear();
    this.known.clear();
    this.dirtyMeta = this.recorded = false;
  }
}
