// Progress events: at most about ten a second for each file and ten for the whole.
import type { ProgressEvent, StorageKind } from './types.js';

const EVERY_MS = 100;

export class Progress {
  private readonly files = new Map<string, { loaded: number; total: number; told: number }>();
  private told = 0;

  constructor(private readonly name: string, private readonly send: ((e: ProgressEvent) => void) | undefined) {}

  initiate(file: string, total: number, storage: StorageKind | 'none'): void {
    this.files.set(file, { loaded: 0, total: Math.max(0, total), told: 0 });
    this.send?.({ status: 'initiate', name: this.name, file, storage });
  }

  download(file: string): void {
    this.send?.({ status: 'download', name: this.name, file });
  }

  bytes(file: string, loaded: number, total: number): void {
    const f = this.files.get(file);
    if (!f || !this.send) return;
    f.loaded = loaded;
    f.total = Math.max(total, loaded);
    const now = Date.now();
    if (now - f.told < EVERY_MS) return;
    f.told = now;
    this.tell(file, f.loaded, f.total);
    if (now - this.told >= EVERY_MS) this.total(now);
  }

  done(file: string, size: number, fetched: boolean): void {
    const f = this.files.get(file);
    if (f) f.loaded = f.total = size;
    if (fetched) this.tell(file, size, size);
    this.send?.({ status: 'done', name: this.name, file });
    this.total(Date.now());
  }

  private tell(file: string, loaded: number, total: number): void {
    this.send?.({ status: 'progress', name: this.name, file, progress: percent(loaded, total), loaded, total });
  }

  private total(now: number): void {
    this.told = now;
    let loaded = 0, total = 0;
    const files: Record<string, { loaded: number; total: number }> = {};
    for (const [name, f] of this.files) {
      loaded += f.loaded;
      total += f.total;
      files[name] = { loaded: f.loaded, total: f.total };
    }
    this.send?.({ status: 'progress_total', name: this.name, progress: percent(loaded, total), loaded, total, files });
  }
}

const percent = (loaded: number, total: number): number => (total > 0 ? (loaded / total) * 100 : 100);
