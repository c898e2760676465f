// How much may be stored, and the errors of a full disk.
import { GalagoError } from '../errors.js';

/** "1.2 GB", for people. */
export function bytesText(n: number): string {
  if (n < 1000) return `${n} bytes`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  let i = -1;
  do {
    n /= 1000;
    i++;
  } while (n >= 999.5 && i < units.length - 1);
  return `${n < 10 ? n.toFixed(1) : Math.round(n)} ${units[i]}`;
}

const FULL = ['QuotaExceededError', 'ENOSPC', 'EDQUOT', 'EFBIG'];

/** What a write that failed becomes, for the most part because there is no room. What is stored already is kept: a later
 * call goes on from there. Without a `cause` the write was cut short. */
export function fullError(name: string, at: number, cause: unknown): GalagoError {
  const { name: kind, code } = (cause ?? {}) as { name?: string; code?: string };
  const why = cause instanceof Error ? cause.message : '';
  const after = at ? ` after ${bytesText(at)}` : '';
  if (cause === undefined || FULL.includes(kind ?? '') || FULL.includes(code ?? '')) {
    return new GalagoError('storage', `${name}: no room for more${after}${why && ` (${why})`}; free space with cache.remove() or on the disk and try again: what has arrived is kept`, { cause });
  }
  return new GalagoError('storage', `${name}: it cannot be written${after} (${why || String(cause)}); try again, or keep nothing with {storage: 'memory'}`, { cause });
}

export async function spaceOfOrigin(): Promise<{ used: number; quota: number; persisted: boolean } | undefined> {
  const storage = (globalThis.navigator as Navigator | undefined)?.storage as Partial<StorageManager> | undefined;
  if (!storage?.estimate) return undefined;
  try {
    const { usage, quota } = await storage.estimate();
    const persisted = (await storage.persisted?.().catch(() => false)) ?? false;
    return quota === undefined ? undefined : { used: usage ?? 0, quota, persisted };
  } catch {
    return undefined; // refused in some private windows; the write itself will tell
  }
}

/** Asks the browser not to throw the files away. Only pages may ask: in a worker this reports what is. */
export async function askPersist(): Promise<boolean> {
  const storage = (globalThis.navigator as Navigator | undefined)?.storage as Partial<StorageManager> | undefined;
  try {
    if (await storage?.persisted?.()) return true;
    return (await storage?.persist?.()) ?? false;
  } catch {
    return false;
  }
}

/** A pause in which other tasks of this thread run. */
export const sleepTurn = (ms = 0): Promise<void> => new Promise((go) => setTimeout(go, ms));
