// The element's own model: loaded when it is first needed, given back when the element goes.

import { pipeline, type ModelOptions, type Pipeline, type ProgressInfo } from '../index.js';

export type ModelSource = NonNullable<Parameters<typeof pipeline>[1]>;

export interface ModelState {
  state: 'none' | 'loading' | 'ready' | 'failed';
  /** Bytes while files are fetched. */
  loaded: number;
  total: number;
  /** Per cent of loading the weights, after the files are there. */
  percent: number | null;
  error: Error | null;
  pipeline: Pipeline | null;
}

const nothing = (): ModelState => ({ state: 'none', loaded: 0, total: 0, percent: null, error: null, pipeline: null });

export class OwnModel {
  current = nothing();
  private loading: { promise: Promise<Pipeline>; control: AbortController } | null = null;

  constructor(private readonly changed: () => void, private readonly progress: (event: ProgressInfo) => void) {}

  get(source: ModelSource, options: ModelOptions): Promise<Pipeline> {
    this.loading ??= this.load(source, options);
    return this.loading.promise;
  }

  private load(source: ModelSource, options: ModelOptions): { promise: Promise<Pipeline>; control: AbortController } {
    const control = new AbortController(), current = (this.current = { ...nothing(), state: 'loading' as ModelState['state'] });
    options.signal?.addEventListener('abort', () => control.abort(options.signal!.reason), { once: true, signal: control.signal });
    const promise = pipeline('image-text-to-text', source, {
      ...options,
      signal: control.signal,
      progress_callback: (event) => {
        options.progress_callback?.(event);
        if (this.current !== current) return;
        this.follow(current, event);
        this.progress(event);
      },
    }).then((vl) => {
      // Given up in the moment in which it was there.
      if (this.current !== current) {
        void vl.dispose();
        throw new DOMException('The model was given up.', 'AbortError');
      }
      Object.assign(current, { state: 'ready', pipeline: vl });
      this.changed();
      return vl as Pipeline;
    }, (error: unknown) => {
      if (this.current === current) {
        const aborted = control.signal.aborted;
        this.current = { ...nothing(), state: aborted ? 'none' : 'failed', error: aborted ? null : error instanceof Error ? error : new Error(String(error)) };
        this.loading = null;
        this.changed();
      }
      throw error;
    });
    promise.catch(() => undefined);
    this.changed();
    return { promise, control };
  }

  private follow(current: ModelState, event: ProgressInfo): void {
    if (event.status === 'progress_total') Object.assign(current, { loaded: event.loaded, total: event.total });
    else if (event.status === 'load') current.percent = event.progress;
    else return;
    this.changed();
  }

  /** Ends loading, or gives the loaded model back. */
  dispose(): void {
    const { loading, current } = this;
    this.loading = null;
    this.current = nothing();
    loading?.control.abort(new DOMException('Loading the model was cancelled.', 'AbortError'));
    void current.pipeline?.dispose();
    if (loading) this.changed();
  }
}
