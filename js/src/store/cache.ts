// What is stored, for people to see and to remove.
import { openStore } from './choose.js';
import { allModels, type ModelRecord } from './models.js';
import { soundRecord } from './obtain.js';
import { rangesSize } from './ranges.js';
import type { Store } from './store.js';
import type { CachedFile, CachedModel, SourceOptions } from './types.js';

export type CacheOptions = Pick<SourceOptions, 'storage' | 'cacheDir'>;

async function fileOf(store: Store, key: string, m: ModelRecord, i: number): Promise<CachedFile> {
  const record = soundRecord(await store.records.get(key));
  const file = m.resolved.files[i]!;
  const size = record && record.size >= 0 ? record.size : file.size;
  const complete = record?.complete === true && (await store.has(key, record.size));
  return { name: file.name, size, loaded: complete ? size : record && !record.complete ? rangesSize(record.ranges) : 0, complete };
}

export const cache = {
  /** Stored models, unfinished ones too, the latest used first. Models that were asked for in several ways (dtypes) are one entry. */
  async list(o: CacheOptions = {}): Promise<CachedModel[]> {
    const store = await openStore(o);
    const found = new Map<string, CachedModel & { keys: Set<string> }>();
    for (const { model } of await allModels(store)) {
      const { id } = model.resolved;
      let entry = found.get(id);
      if (!entry) found.set(id, (entry = { id, files: [], size: 0, loaded: 0, complete: true, storage: store.kind, used: 0, keys: new Set() }));
      entry.used = Math.max(entry.used, model.used);
      for (const [i, key] of model.keys.entries()) {
        if (!key || entry.keys.has(key)) continue;
        entry.keys.add(key);
        const file = await fileOf(store, key, model, i);
        entry.files.push(file);
        entry.size += Math.max(0, file.size);
        entry.loaded += file.loaded;
        entry.complete &&= file.complete;
      }
    }
    return [...found.values()].sort((a, b) => b.used - a.used).map(({ keys: _, ...entry }) => entry);
  },

  /** Removes a model's files, unfinished ones too; those that another model shares stay. False where there is no such model. */
  async remove(id: string, o: CacheOptions = {}): Promise<boolean> {
    const store = await openStore(o);
    const all = await allModels(store);
    const gone = all.filter((m) => m.model.resolved.id === id);
    const shared = new Set(all.filter((m) => m.model.resolved.id !== id).flatMap((m) => m.model.keys));
    for (const { key: modelKey, model } of gone) {
      for (const key of model.keys) {
        if (!key || shared.has(key)) continue;
        // The record first: data without one is nothing, a record without data would be a lie.
        await store.records.delete(key);
        await store.remove(key);
      }
      await store.records.delete(modelKey);
    }
    return gone.length > 0;
  },

  /** Bytes used by this site (browsers round and add their own) or by the store's folder, how many there may be, and whether the browser has promised to keep them. */
  async usage(o: CacheOptions = {}): Promise<{ used: number; quota: number; persisted: boolean }> {
    const store = await openStore(o);
    const space = await store.space();
    if (space) return space;
    const used = (await cache.list(o)).reduce((n, m) => n + m.loaded, 0);
    return { used, quota: 0, persisted: false };
  },

  /** Removes everything that this store ever kept. */
  async clear(o: CacheOptions = {}): Promise<void> {
    await (await openStore(o)).clear();
  },
};
