// The one model of the page: which, what it is doing, and the pipeline that all views share.

import type { CachedModel, DeviceInfo, ModelInfo, ModelOptions, ModelSource, ProgressInfo, TextPipeline } from 'galago';
import { Estimator, type Progress } from './estimate.js';
import { t } from './i18n.js';
import { modelOptions, settings } from './settings.js';

export interface ModelChoice {
  kind: 'demo' | 'hub' | 'files';
  /** For people. */
  name: string;
  source: ModelSource;
  /** Of a hub. The token is kept in memory only. */
  options?: Pick<ModelOptions, 'revision' | 'base_url' | 'token' | 'dtype' | 'file' | 'mmproj'>;
}

/** none: it is opened when it is needed. asking: it would have to be downloaded, which nobody agreed to yet. */
export type ModelState = 'none' | 'asking' | 'loading' | 'paused' | 'ready' | 'failed';

export const DEMO: ModelChoice = { kind: 'demo', name: 'demo', source: 'demo' };
const KEY = 'galago.model';
/** How stored models were asked for, by their ids: a precision or a hub's address is part of what is stored. */
const OPTIONS_KEY = 'galago.options';

/** The model cannot be had without the person: it is not downloaded, or paused. */
export class NotReadyError extends Error {
  override readonly name = 'NotReadyError';
}

/** As `cache.list()` names a hub's model. */
export const storedId = (choice: ModelChoice): string => {
  const revision = choice.options?.revision;
  return choice.kind === 'hub' && revision && revision !== 'main' ? `${choice.source}@${revision}` : String(choice.source);
};
/** Held by the tab that downloads a model, so that others can say so. */
export const lockName = (id: string): string => `galago-page:download:${id}`;

function remembered(): ModelChoice | null {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? 'null') as Partial<ModelChoice> | null;
    if (kept?.kind === 'hub' && typeof kept.source === 'string' && typeof kept.name === 'string') return { kind: 'hub', name: kept.name, source: kept.source, options: kept.options ?? {} };
  } catch {
    // Without storage, or with a damaged record, it is the demo model.
  }
  return null;
}

function keptOptions(): Record<string, ModelChoice['options']> {
  try {
    return JSON.parse(localStorage.getItem(OPTIONS_KEY) ?? '{}') as Record<string, ModelChoice['options']>;
  } catch {
    return {};
  }
}

/** The choice that a stored model came from. */
export function choiceOf(id: string): ModelChoice {
  if (id === 'demo') return DEMO;
  const options = keptOptions()[id] ?? {};
  const source = options.revision ? id.replace(/@[^@]*$/, '') : id;
  return { kind: 'hub', name: shortName(id), source, options };
}

/** "Qwen3.5-0.8B" of "Qwen/Qwen3.5-0.8B", "model.gguf" of its address. */
export function shortName(id: string): string {
  const path = /^https?:/.test(id) ? new URL(id).pathname : id;
  return path.split('/').filter(Boolean).at(-1) ?? id;
}

function remember(choice: ModelChoice): void {
  try {
    const { token: _, ...options } = choice.options ?? {};
    if (choice.kind === 'hub') {
      localStorage.setItem(KEY, JSON.stringify({ ...choice, options }));
      localStorage.setItem(OPTIONS_KEY, JSON.stringify({ ...keptOptions(), [storedId(choice)]: options }));
    } else localStorage.removeItem(KEY);
  } catch {
    // It holds for this visit.
  }
}

class PageModel extends EventTarget {
  choice: ModelChoice = DEMO;
  state: ModelState = 'none';
  progress: Progress | null = null;
  /** While loading: files arrive, or weights go to the device. */
  stage: 'starting' | 'download' | 'open' = 'starting';
  /** Per cent of opening. */
  opened = 0;
  error: unknown = null;
  device: DeviceInfo | null = null;
  info: ModelInfo | null = null;
  /** Another tab is downloading the same model: this one waits for it and shows how far it is. */
  elsewhere = false;

  private current: TextPipeline | null = null;
  private opening: Promise<TextPipeline> | null = null;
  private stop: AbortController | null = null;
  /** Resolves when the model before has given everything back. */
  private leaving: Promise<unknown> = Promise.resolve();

  constructor() {
    super();
    const choice = remembered();
    if (choice) {
      this.choice = choice;
      this.state = 'asking';
      void this.look();
    }
    globalThis.addEventListener?.('online', () => this.online());
    settings.onchange((now, before) => {
      if (now.device !== before.device || (now.detail !== before.detail && this.choice.kind !== 'demo')) void this.reload();
    });
  }

  /** A download that the network broke off goes on when the network is back; it was agreed to. */
  private online(): void {
    if (this.state === 'failed' && (this.error as { code?: string } | null)?.code === 'network') void this.resume();
  }

  private change(patch: Partial<Pick<PageModel, 'choice' | 'state' | 'progress' | 'stage' | 'opened' | 'error' | 'device' | 'info' | 'elsewhere'>>): void {
    Object.assign(this, patch);
    this.dispatchEvent(new Event('change'));
  }

  /** What of the chosen model is stored decides whether it may be opened without asking. */
  private async look(): Promise<void> {
    const { choice } = this;
    let stored: CachedModel | undefined;
    try {
      const { cache } = await import('galago');
      stored = (await cache.list()).find((m) => m.id === storedId(choice));
    } catch {
      // A browser without storage: it is asked.
    }
    if (this.choice !== choice || this.state !== 'asking') return;
    if (stored?.complete) this.change({ state: 'none' });
    else if (stored && stored.loaded > 0) this.change({ state: 'paused', progress: { loaded: stored.loaded, total: stored.size, bytes_per_s: 0, seconds_left: Infinity } });
    else this.change({});
  }

  /** Takes another model; the one before is given back. A hub's is not downloaded before resume() says that it may be. */
  async choose(choice: ModelChoice): Promise<void> {
    this.end();
    this.change({ choice, state: choice.kind === 'hub' ? 'asking' : 'none', progress: null, error: null, device: null, info: null, elsewhere: false });
    if (choice.kind === 'hub') await this.look();
    else remember(choice);
  }

  /** The pipeline, opened when needed. Rejects with a NotReadyError where a download would have to be agreed to first. */
  pipeline(): Promise<TextPipeline> {
    if (this.current) return Promise.resolve(this.current);
    if (this.opening) return this.opening;
    if (this.state === 'asking' || this.state === 'paused') return Promise.reject(new NotReadyError(t(`model.not_ready_${this.state}`, { name: this.choice.name })));
    return this.open();
  }

  /** Downloads what is missing, going on from what is stored, and opens the model. */
  async resume(): Promise<void> {
    if (this.current || this.opening) return;
    remember(this.choice);
    await this.open().catch(() => undefined);
  }

  /** Ends a download; what has arrived is kept. */
  pause(): void {
    if (!this.opening) return;
    const { progress } = this;
    this.end();
    this.change({ state: this.choice.kind === 'hub' ? 'paused' : 'none', progress: progress && { ...progress, bytes_per_s: 0, seconds_left: Infinity }, elsewhere: false });
  }

  /** Gives the memory back; the next use opens the model again. */
  unload(): void {
    this.end();
    this.change({ state: 'none', progress: null, elsewhere: false });
  }

  /** Gives the model back, to its last file handle; what was chosen is forgotten too, and the demo model takes its place. */
  async forget(): Promise<void> {
    this.end();
    await this.leaving;
    remember(DEMO);
    this.change({ choice: DEMO, state: 'none', progress: null, error: null, device: null, info: null, elsewhere: false });
  }

  /** Tells of a call's failure. After some a pipeline is of no more use: the next call opens a new one. */
  report(error: unknown): void {
    const { code, cause } = (error ?? {}) as { code?: string; cause?: unknown };
    if (cause) return this.report(cause);
    if (this.current && (code === 'device_lost' || code === 'internal')) this.unload();
  }

  private async reload(): Promise<void> {
    if (!this.current && !this.opening) return;
    this.end();
    this.change({ state: 'none' });
    await this.open().catch(() => undefined);
  }

  private end(): void {
    this.stop?.abort();
    this.stop = null;
    this.opening = null;
    const before = this.current;
    this.current = null;
    if (before) this.leaving = Promise.all([this.leaving, before.dispose().catch(() => undefined)]);
  }

  private open(): Promise<TextPipeline> {
    const stop = (this.stop = new AbortController());
    const opening = this.run(stop.signal).then(
      (pipeline) => {
        if (this.opening !== opening) throw new NotReadyError(t('model.changed'));
        this.stop = this.opening = null;
        this.current = pipeline;
        this.change({ state: 'ready', device: pipeline.device, info: pipeline.info, progress: null, elsewhere: false });
        return pipeline;
      },
      (error: unknown) => {
        if (this.opening === opening) {
          this.stop = this.opening = null;
          this.change({ state: 'failed', error, elsewhere: false });
        } else if (stop.signal.aborted) {
          throw new NotReadyError(t('model.changed'));
        }
        throw error;
      },
    );
    this.opening = opening;
    // Every caller gets the rejection; that none waits is no fault of its own.
    opening.catch(() => undefined);
    this.change({ state: 'loading', stage: 'starting', opened: 0, error: null, progress: this.progress });
    return opening;
  }

  private async run(signal: AbortSignal): Promise<TextPipeline> {
    const { choice } = this, estimator = new Estimator();
    const [{ pipeline }] = await Promise.all([import('galago'), this.leaving]);
    signal.throwIfAborted();
    const { device, ...detail } = modelOptions();
    // The demo model was trained on pictures up to a size, and its files name it.
    const options: ModelOptions = { device, ...(choice.kind === 'demo' ? {} : detail), ...choice.options, signal, progress_callback: (e) => signal.aborted || this.told(e, estimator) };
    const release = choice.kind === 'hub' ? this.hold(storedId(choice), signal) : undefined;
    try {
      const opened = await pipeline('image-to-text', choice.source, options).catch((error: { code?: string }) => {
        // The demo model is small enough to be used without being kept.
        if (choice.kind !== 'demo' || error.code !== 'storage') throw error;
        return pipeline('image-to-text', choice.source, { ...options, source: { storage: 'memory' } });
      });
      if (signal.aborted) {
        void opened.dispose();
        signal.throwIfAborted();
      }
      return opened as TextPipeline;
    } finally {
      release?.();
    }
  }

  private told(e: ProgressInfo, estimator: Estimator): void {
    if (e.status === 'progress_total') {
      this.progress = estimator.note(e.loaded, e.total);
      if (this.stage !== 'download' && e.loaded < e.total) this.change({ stage: 'download' });
      else this.dispatchEvent(new Event('progress'));
    } else if (e.status === 'load') {
      this.opened = e.progress;
      if (this.stage !== 'open') this.change({ stage: 'open' });
      else this.dispatchEvent(new Event('progress'));
    } else if (e.status === 'notice') {
      if (e.device) this.change({ device: e.device });
      this.dispatchEvent(new CustomEvent('notice', { detail: e }));
    }
  }

  /** Holds the download's name until what is returned is called; says so while another tab has it. */
  private hold(id: string, signal: AbortSignal): () => void {
    let release = (): void => undefined;
    const held = new Promise<void>((done) => (release = done)), locks = navigator.locks as LockManager | undefined;
    // A download that this tab just ended lets go of the name a moment later.
    const timer = setTimeout(() => signal.aborted || this.change({ elsewhere: true }), 400);
    const mine = (): Promise<void> => {
      clearTimeout(timer);
      if (this.elsewhere && !signal.aborted) this.change({ elsewhere: false });
      return held;
    };
    if (locks) locks.request(lockName(id), { signal }, mine).catch(() => clearTimeout(timer));
    else void mine();
    return () => {
      clearTimeout(timer);
      release();
    };
  }
}

/** Events: 'change' (any of its fields), 'progress' (ten a second at most), 'notice' (detail: the package's event). */
export const model = new PageModel();
