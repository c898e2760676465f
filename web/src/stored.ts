// What this page keeps in the browser, to be seen and deleted.

import type { CachedModel } from 'galago';
import { lockName, model, storedId } from './model.js';
import { defaults, settings } from './settings.js';

/** Another tab is at work on what was to be deleted. */
export class BusyElsewhereError extends Error {
  override readonly name = 'BusyElsewhereError';
}

const PREFIX = 'galago';

export async function listModels(): Promise<CachedModel[]> {
  return (await import('galago')).cache.list();
}

export async function usage(): Promise<{ used: number; quota: number; persisted: boolean }> {
  return (await import('galago')).cache.usage();
}

/** Names of the locks that are held; empty where the browser has none. */
async function heldLocks(): Promise<string[]> {
  const locks = navigator.locks as LockManager | undefined;
  const { held = [] } = (await locks?.query().catch(() => undefined)) ?? {};
  return held.flatMap((l) => l.name ?? []);
}

/** Whether a tab (this one or another) is downloading the model. */
export async function isDownloading(id: string): Promise<boolean> {
  return (await heldLocks()).includes(lockName(id));
}

/** Deletes a model's files. The model in use is given back first; one that another tab downloads stays. */
export async function removeModel(id: string): Promise<void> {
  const { cache } = await import('galago');
  const own = storedId(model.choice) === id;
  if (own) model.pause();
  // A lock that this tab just gave back is gone a moment later; one that stays is another tab's.
  for (let n = 0; await isDownloading(id); n++) {
    if (n === 10) throw new BusyElsewhereError(id);
    await new Promise((go) => setTimeout(go, 50));
  }
  if (own) await model.forget();
  await cache.remove(id);
}

/** Asks the browser to keep what is stored also when it runs short of room. */
export async function askPersist(): Promise<boolean> {
  const storage = navigator.storage as Partial<StorageManager> | undefined;
  try {
    return (await storage?.persisted?.()) || ((await storage?.persist?.()) ?? false);
  } catch {
    return false;
  }
}

async function removeDatabases(): Promise<void> {
  const names = new Set(['galago-batch']);
  for (const { name } of (await indexedDB.databases?.().catch(() => [])) ?? []) if (name?.startsWith(PREFIX)) names.add(name);
  await Promise.all([...names].map((name) => new Promise<void>((done) => {
    const request = indexedDB.deleteDatabase(name);
    // Where another tab has it open it goes when that tab closes.
    request.onsuccess = request.onerror = request.onblocked = () => done();
  })));
}

/** Deletes everything: models, settings, lists, and the page's own files that are kept for use without a network. */
export async function removeEverything(): Promise<void> {
  await model.forget();
  const busy = (await heldLocks()).find((name) => name.startsWith(lockName('')));
  if (busy) throw new BusyElsewhereError(busy.slice(lockName('').length));
  const { cache } = await import('galago');
  await cache.clear();
  await removeDatabases();
  const { forgetOffline } = await import('./offline.js');
  await forgetOffline();
  // One that the page has not got hold of yet, right after it was opened.
  await (await (navigator.serviceWorker as ServiceWorkerContainer | undefined)?.getRegistration().catch(() => undefined))?.unregister();
  for (const name of await globalThis.caches?.keys().catch(() => []) ?? []) if (name.startsWith(PREFIX)) await caches.delete(name);
  settings.set(defaults);
  try {
    for (const key of Object.keys(localStorage)) if (key.startsWith(PREFIX)) localStorage.removeItem(key);
  } catch {
    // Nothing could have been kept there.
  }
}
