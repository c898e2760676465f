// The list of a batch: its rows, what state each is in, and the one loop that asks about them in order. Knows no page, no model, no
// storage: `ask` answers about one row, listeners hear of every change.

export type RowState = 'waiting' | 'running' | 'done' | 'failed';
export type RunState = 'idle' | 'running' | 'pausing' | 'paused';

/** What an answer carries beside its words; the names are those of the command line's --json. */
export interface RowFigures {
  model: string;
  device: string;
  finish_reason: string;
  prompt_tokens: number;
  completion_tokens: number;
  image_tokens: number;
  token_ids: number[];
  timings: Record<string, number>;
  memory: Record<string, number>;
}

export interface Row {
  readonly id: number;
  /** With the folders above it, where the picture came in a folder. */
  readonly name: string;
  readonly size: number;
  readonly type: string;
  /** The handle of the folder that the picture is read from, where it came in one that may be read again after a reload. */
  readonly folder?: number;
  state: RowState;
  answer: string;
  /** The model's own words, where a person has changed them. */
  made?: string;
  error?: string;
  prompt?: string;
  seconds?: number;
  figures?: RowFigures;
}

export type NewRow = Pick<Row, 'name' | 'size' | 'type' | 'folder'>;
export interface Answered {
  text: string;
  prompt: string;
  figures?: RowFigures;
}
export interface Hooks {
  signal: AbortSignal;
  /** The work on the row begins now: what went before, such as opening the model, is not the row's time. */
  begin(): void;
  /** Takes the whole answer so far. */
  piece(text: string): void;
}
export type Ask = (row: Row, hooks: Hooks) => Promise<Answered>;

/** Thrown by `ask` where no row can be answered, such as when the model cannot be loaded: the run ends, the row waits again. */
export class RunProblem extends Error {}

/** `rows`: some came or went. `row`: one changed, `piece` when only its answer grew. `run`: the run's state or its problem. */
export type Change = { kind: 'rows' } | { kind: 'row'; row: Row } | { kind: 'piece'; row: Row } | { kind: 'run' };

/** So many failures of different rows in a row are the model's fault, not the pictures'. */
const FAILURES_IN_A_ROW = 5;
/** The time left is told from so many rows. */
const PACE_ROWS = 20;

export class Queue {
  state: RunState = 'idle';
  /** Why the last run ended or pauses: no row can be answered, or many failed one after another. */
  problem: { kind: 'run' | 'failures'; message: string } | null = null;
  readonly counts: Record<RowState, number> = { waiting: 0, running: 0, done: 0, failed: 0 };
  private list: Row[] = [];
  private readonly byId = new Map<number, Row>();
  private readonly listeners = new Set<(change: Change) => void>();
  private nextId = 1;
  /** No row before this place is waiting. */
  private cursor = 0;
  /** Rows that go before all others; alone where `all` is off. */
  private readonly urgent: number[] = [];
  private all = false;
  private current: { row: Row; control: AbortController; began: number } | null = null;
  private loop: Promise<void> | null = null;
  private readonly pace: number[] = [];

  /** `now`: milliseconds. */
  constructor(private readonly ask: Ask, private readonly now: () => number = () => performance.now()) {}

  get rows(): readonly Row[] {
    return this.list;
  }
  get(id: number): Row | undefined {
    return this.byId.get(id);
  }
  get running(): Row | null {
    return this.current?.row ?? null;
  }

  listen(listener: (change: Change) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  add(pictures: readonly NewRow[]): Row[] {
    const rows = pictures.map((p): Row => ({ ...p, id: this.nextId++, state: 'waiting', answer: '' }));
    this.take(rows);
    return rows;
  }

  /** Rows of an earlier visit. One that was being answered waits again. */
  restore(rows: readonly Row[]): void {
    const fresh = rows.map((row): Row => (row.state === 'running' ? { ...row, state: 'waiting', answer: '' } : { ...row }));
    this.nextId = fresh.reduce((next, row) => Math.max(next, row.id + 1), this.nextId);
    this.take(fresh);
  }

  private take(rows: Row[]): void {
    for (const row of rows) {
      this.list.push(row);
      this.byId.set(row.id, row);
      this.counts[row.state]++;
    }
    this.cursor = 0;
    this.tell({ kind: 'rows' });
  }

  remove(ids: Iterable<number>): void {
    const gone = new Set(ids);
    if (this.current && gone.has(this.current.row.id)) this.current.control.abort();
    this.list = this.list.filter((row) => {
      if (!gone.has(row.id)) return true;
      this.counts[row.state]--;
      this.byId.delete(row.id);
      return false;
    });
    this.cursor = 0;
    this.tell({ kind: 'rows' });
  }

  clear(): void {
    this.stop();
    this.remove(this.byId.keys());
    this.problem = null;
    this.pace.length = 0;
    this.tell({ kind: 'run' });
  }

  /** Answers all that wait. Resolves when the run has ended or pauses. */
  start(): Promise<void> {
    this.all = true;
    return this.run();
  }

  /** After the row that is being answered. */
  pause(): void {
    if (this.state === 'running') this.turn('pausing');
  }

  resume(): Promise<void> {
    return this.start();
  }

  /** At once: the row that is being answered waits again. */
  stop(): void {
    this.all = false;
    this.urgent.length = 0;
    this.current?.control.abort();
    this.turn('idle');
  }

  /** Asks again about one row, before all others. */
  rerun(id: number): Promise<void> {
    const row = this.byId.get(id);
    if (!row || row.state === 'running') return Promise.resolve();
    this.reset(row);
    this.urgent.push(id);
    // Where a person paused, it is this row alone that goes on.
    if (this.state === 'paused' || this.state === 'pausing') this.all = false;
    return this.run();
  }

  /** All that failed wait again. */
  retryFailed(): number {
    const failed = this.list.filter((row) => row.state === 'failed');
    for (const row of failed) this.reset(row);
    return failed.length;
  }

  /** All that have an answer wait again. */
  askAgain(): void {
    for (const row of this.list) if (row.state === 'done' || row.state === 'failed') this.reset(row);
  }

  /** A person's own words for a row. */
  edit(id: number, text: string): void {
    const row = this.byId.get(id);
    if (!row || row.state === 'running' || text === row.answer) return;
    if (row.made === undefined && row.figures) row.made = row.answer;
    if (text === row.made) delete row.made;
    row.answer = text;
    delete row.error;
    this.set(row, 'done');
  }

  /** Seconds until all that wait are answered, as far as the last rows tell; null where none does. */
  secondsLeft(): number | null {
    if (!this.pace.length) return null;
    const mean = this.pace.reduce((sum, s) => sum + s, 0) / this.pace.length;
    const running = this.current ? Math.max(0, mean - (this.now() - this.current.began) / 1e3) : 0;
    return mean * this.counts.waiting + running;
  }

  private reset(row: Row): void {
    row.answer = '';
    for (const key of ['made', 'error', 'seconds', 'figures', 'prompt'] as const) delete row[key];
    this.cursor = 0;
    this.set(row, 'waiting');
  }

  private set(row: Row, state: RowState): void {
    if (this.byId.has(row.id)) {
      this.counts[row.state]--;
      this.counts[state]++;
    }
    row.state = state;
    this.tell({ kind: 'row', row });
  }

  private turn(state: RunState): void {
    if (this.state === state) return;
    this.state = state;
    this.tell({ kind: 'run' });
  }

  private tell(change: Change): void {
    for (const listener of this.listeners) listener(change);
  }

  private run(): Promise<void> {
    this.problem = null;
    this.turn('running');
    // One loop at a time: one that is being stopped ends first.
    this.loop ??= this.go().finally(() => (this.loop = null));
    return this.loop;
  }

  private next(): Row | null {
    for (let id = this.urgent.shift(); id !== undefined; id = this.urgent.shift()) {
      const row = this.byId.get(id);
      if (row?.state === 'waiting') return row;
    }
    if (!this.all) return null;
    while (this.cursor < this.list.length && this.list[this.cursor]!.state !== 'waiting') this.cursor++;
    return this.list[this.cursor] ?? null;
  }

  private async go(): Promise<void> {
    let failures = 0;
    while (this.state === 'running') {
      const row = this.next();
      if (!row) break;
      const failed = await this.one(row);
      failures = failed ? failures + 1 : 0;
      if (failures >= FAILURES_IN_A_ROW && this.state === 'running') {
        this.problem = { kind: 'failures', message: row.error ?? '' };
        this.pause();
      }
    }
    if (this.state === 'pausing' && this.counts.waiting > 0) return this.turn('paused');
    this.all = false;
    this.turn('idle');
  }

  /** Whether it failed. */
  private async one(row: Row): Promise<boolean> {
    const control = new AbortController();
    let began = this.now();
    this.current = { row, control, began };
    row.answer = '';
    delete row.error;
    this.set(row, 'running');
    try {
      const { text, prompt, figures } = await this.ask(row, {
        signal: control.signal,
        begin: () => {
          began = this.now();
          if (this.current?.row === row) this.current.began = began;
        },
        piece: (so_far) => {
          row.answer = so_far;
          if (!control.signal.aborted) this.tell({ kind: 'piece', row });
        },
      });
      if (control.signal.aborted) throw control.signal.reason;
      row.answer = text;
      row.prompt = prompt;
      row.figures = figures;
      row.seconds = (this.now() - began) / 1e3;
      this.pace.push(row.seconds);
      if (this.pace.length > PACE_ROWS) this.pace.shift();
      this.current = null;
      this.set(row, 'done');
      return false;
    } catch (error) {
      this.current = null;
      row.answer = '';
      if (control.signal.aborted || error instanceof RunProblem) {
        this.set(row, 'waiting');
        this.cursor = 0;
        if (!control.signal.aborted) {
          this.problem = { kind: 'run', message: (error as Error).message };
          this.all = false;
          this.urgent.length = 0;
          this.turn('idle');
        }
        return false;
      }
      row.error = error instanceof Error ? error.message : String(error);
      row.seconds = (this.now() - began) / 1e3;
      this.set(row, 'failed');
      return true;
    }
  }
}
