// The pictures behind a batch's rows: files of this visit, copies that were kept, or files of folders that are read again.
import type { Found } from './batch_files.js';
import { again } from './batch_files.js';
import type { NewRow, Row } from './batch_queue.js';

type Asking = FileSystemDirectoryHandle & {
  queryPermission?(options: { mode: 'read' }): Promise<PermissionState>;
  requestPermission?(options: { mode: 'read' }): Promise<PermissionState>;
};

/** The picture of a row cannot be had. */
export class SourceError extends Error {
  constructor(readonly reason: 'not_kept' | 'no_permission' | 'gone', options?: ErrorOptions) {
    super(reason, options);
  }
}

export class Sources {
  private readonly files = new Map<number, Blob>();
  readonly folders = new Map<number, FileSystemDirectoryHandle>();
  private readonly allowed = new Set<number>();

  /** `kept`: the copy of a row, where there is one. */
  constructor(private readonly kept: (row: number) => Promise<Blob | undefined>) {}

  /** What the queue is to know of a picture. */
  describe({ name, file, folder }: Found): NewRow {
    return { name, size: file.size, type: file.type, ...(folder ? { folder: this.number(folder) } : {}) };
  }

  add(row: number, file: Blob): void {
    this.files.set(row, file);
  }

  forget(rows: Iterable<number>): void {
    for (const row of rows) this.files.delete(row);
  }

  clear(): void {
    this.files.clear();
    this.folders.clear();
    this.allowed.clear();
  }

  restore(folders: Record<number, FileSystemDirectoryHandle>): void {
    for (const [number, handle] of Object.entries(folders)) this.folders.set(Number(number), handle);
  }

  /** The picture of this visit, to be kept; none where its folder can be read again. */
  picture(row: Row): Blob | undefined {
    return row.folder === undefined ? this.files.get(row.id) : undefined;
  }

  async open(row: Row): Promise<Blob> {
    const file = this.files.get(row.id);
    if (file) return file;
    const folder = row.folder === undefined ? undefined : (this.folders.get(row.folder) as Asking | undefined);
    if (!folder) {
      const copy = await this.kept(row.id).catch(() => undefined);
      if (!copy) throw new SourceError('not_kept');
      return copy;
    }
    if (!(await this.may(row.folder!, folder))) throw new SourceError('no_permission');
    try {
      return await again(folder, row.name);
    } catch (cause) {
      throw new SourceError('gone', { cause });
    }
  }

  /** Asks the person for folders that may not be read yet; call it in a click. False where one was refused. */
  async allow(): Promise<boolean> {
    let all = true;
    for (const [number, folder] of this.folders) {
      if (await this.may(number, folder)) continue;
      const answer = await (folder as Asking).requestPermission?.({ mode: 'read' }).catch(() => 'denied' as const);
      if (answer === 'granted') this.allowed.add(number);
      else all = false;
    }
    return all;
  }

  private async may(number: number, folder: Asking): Promise<boolean> {
    if (this.allowed.has(number)) return true;
    const state = folder.queryPermission ? await folder.queryPermission({ mode: 'read' }) : 'granted';
    if (state === 'granted') this.allowed.add(number);
    return state === 'granted';
  }

  private number(folder: FileSystemDirectoryHandle): number {
    for (const [number, known] of this.folders) if (known === folder) return number;
    const number = Math.max(0, ...this.folders.keys()) + 1;
    this.folders.set(number, folder);
    this.allowed.add(number);
    return number;
  }
}
