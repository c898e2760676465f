// Records of models: which files belong together, and what a request was resolved to.
import { GalagoError } from '../errors.js';
import { fullError } from './space.js';
import { sha256 } from './sha256.js';
import type { Store } from './store.js';
import type { Resolved } from './types.js';

export interface ModelRecord {
  v: 1;
  resolved: Resolved;
  /** Key of each file's record; null for files that are not stored. */
  keys: (string | null)[];
  used: number;
}

/** Writes a record; a full disk is told as such. */
export async function putRecord(store: Store, key: string, value: unknown): Promise<void> {
  try {
    await store.records.put(key, value);
  } catch (e) {
    if (e instanceof GalagoError) throw e;
    throw fullError(key, 0, e);
  }
}

const PREFIX = 'models/';

const keyOfModel = (r: Resolved): string =>
  PREFIX + sha256(new TextEncoder().encode(r.request ?? JSON.stringify([r.id, r.main, r.mmproj]))).slice(0, 24);

export async function saveModel(store: Store, r: Resolved, keys: (string | undefined)[]): Promise<void> {
  // Content is no part of a record; a model with such files is listed and not found again by its request.
  const local = r.files.some((f) => f.blob);
  const resolved: Resolved = { ...r, request: local ? undefined : r.request, files: r.files.map(({ blob: _, ...rest }) => rest) };
  const record: ModelRecord = { v: 1, resolved, keys: keys.map((k) => k ?? null), used: Date.now() };
  await putRecord(store, keyOfModel(r), record);
}

function sound(value: unknown): ModelRecord | undefined {
  const m = value as ModelRecord | undefined;
  return m?.v === 1 && Array.isArray(m.keys) && Array.isArray(m.resolved?.files) && m.keys.length === m.resolved.files.length && typeof m.resolved.id === 'string' ? m : undefined;
}

export async function allModels(store: Store): Promise<{ key: string; model: ModelRecord }[]> {
  const out: { key: string; model: ModelRecord }[] = [];
  for (const key of await store.records.keys()) {
    if (!key.startsWith(PREFIX)) continue;
    const model = sound(await store.records.get(key));
    if (model) out.push({ key, model });
  }
  return out;
}

/** What a request was resolved to before. */
export async function findModel(store: Store, request: string): Promise<Resolved | undefined> {
  const model = sound(await store.records.get(keyOfModel({ request } as Resolved)));
  return model?.resolved.request === request ? model.resolved : undefined;
}
