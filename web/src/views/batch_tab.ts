// Which list is this tab's, and which lists are nobody's. A list is held by a lock of its name as long as its tab lives.

/** Locks of names: `navigator.locks`, or a test's. */
export interface Holds {
  /** Holds the name until the tab goes or the function returned is called; null where another tab has it. */
  take(name: string): Promise<(() => void) | null>;
  held(): Promise<Set<string>>;
}

export function browserHolds(locks: LockManager): Holds {
  return {
    take: (name) => new Promise((resolve, reject) => {
      locks.request(name, { ifAvailable: true }, (lock) => {
        if (!lock) return resolve(null);
        return new Promise<void>((release) => resolve(release));
      }).catch(reject);
    }),
    held: async () => new Set(((await locks.query()).held ?? []).map((lock) => lock.name ?? '')),
  };
}

const KEY = 'galago.batch', NAME = 'galago-batch-';
/** A page that is loaded again gives its lock back at some moment while the new one begins. */
const RELOAD_MS = 1500, RETRY_MS = 100;

type Remembered = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

export class Tab {
  private release: (() => void) | null = null;
  /** The list that this tab holds. */
  list: string | null = null;

  /** `memory`: what lives as long as the tab. */
  constructor(private readonly holds: Holds, private readonly memory: Remembered, private readonly wait = (ms: number) => new Promise<void>((r) => setTimeout(r, ms))) {}

  /** The list that this tab had before a reload, held again. A tab that was duplicated finds its list held by the other: it has none. */
  async back(): Promise<string | null> {
    const id = this.memory.getItem(KEY);
    if (!id) return null;
    for (let waited = 0; ; waited += RETRY_MS) {
      if (await this.hold(id)) return id;
      if (waited >= RELOAD_MS) return null;
      await this.wait(RETRY_MS);
    }
  }

  /** Makes a list this tab's; false where another tab has it. */
  async hold(id: string): Promise<boolean> {
    if (this.list === id) return true;
    const release = await this.holds.take(NAME + id);
    if (!release) return false;
    this.letGo();
    this.release = release;
    this.list = id;
    this.memory.setItem(KEY, id);
    return true;
  }

  /** A list of its own, which nobody else can have. */
  async fresh(): Promise<string> {
    const id = [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    if (!(await this.hold(id))) throw new Error('a new name is held already');
    return id;
  }

  letGo(): void {
    this.release?.();
    this.release = null;
    this.list = null;
    this.memory.removeItem(KEY);
  }

  /** Of these lists, those that no tab has: now, and a while later, so that a tab that is just being loaded again keeps its own. */
  async orphans(ids: readonly string[], later_ms = 10_000): Promise<string[]> {
    const free = async (among: readonly string[]): Promise<string[]> => {
      const held = await this.holds.held();
      return among.filter((id) => id !== this.list && !held.has(NAME + id));
    };
    const now = await free(ids);
    if (!now.length) return [];
    await this.wait(later_ms);
    return free(now);
  }
}
