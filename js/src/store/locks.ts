// Who may write a file: one download for each key in all tabs and workers of an origin.

const held = new Set<string>();

/** The part of Web Locks that is used; a type of its own, so that tests can pass theirs. */
export interface LockManagerLike {
  request<T>(name: string, options: { ifAvailable: boolean }, work: (lock: unknown) => Promise<T>): Promise<T>;
}

/** Runs `work` unless somebody else is at it for this key: then undefined at once. Without Web Locks (an insecure
 * page) only this worker is looked at; two tabs then write the same bytes and the last record wins. */
export async function exclusive<T>(key: string, work: () => Promise<T>, locks = (globalThis.navigator as { locks?: LockManagerLike } | undefined)?.locks): Promise<T | undefined> {
  if (held.has(key)) return undefined;
  held.add(key);
  try {
    if (!locks) return await work();
    return await locks.request<T | undefined>(`galago:${key}`, { ifAvailable: true }, async (lock) => (lock ? work() : undefined));
  } finally {
    held.delete(key);
  }
}
