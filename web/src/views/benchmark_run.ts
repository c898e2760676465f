// One measurement from beginning to end: the page's model makes room, another pipeline is opened, measured and closed.
import type { ModelOptions, ModelSource, TextPipeline } from 'galago';
import { model } from '../model.js';
import { settings } from '../settings.js';
import { measure, type Part } from './benchmark_measure.js';
import { browserOf, systemOf, type Result } from './benchmark_report.js';

export type Which = 'current' | 'demo' | 'synthetic';
export const SYNTHETIC = 'synthetic:qwen3.5-0.8b';

/** What is to be opened. Measuring never downloads: a model that is not stored is an error. */
export function target(which: Which): { name: string; source: ModelSource; options: ModelOptions } {
  const device = settings.get().device;
  if (which === 'synthetic') return { name: SYNTHETIC, source: SYNTHETIC, options: { device, dtype: 'q4_0' } };
  const { choice } = model;
  if (which === 'demo' || choice.kind === 'demo') return { name: 'demo', source: 'demo', options: { device } };
  return { name: choice.name, source: choice.source, options: { device, ...choice.options, ...(choice.kind === 'hub' ? { local_files_only: true } : {}) } };
}

export type Stage = { kind: 'unload' } | { kind: 'load'; share: number } | { kind: Part; run: number; share: number };

/** The page's model is unloaded; the caller brings it back. */
export async function run(which: Which, options: { runs: number; far: boolean; signal: AbortSignal; onstage(stage: Stage): void }): Promise<Result> {
  const { runs, far, signal, onstage } = options;
  let hidden = document.visibilityState === 'hidden', vl: TextPipeline | null = null;
  const look = (): void => void (hidden ||= document.visibilityState === 'hidden');
  document.addEventListener('visibilitychange', look);
  try {
    onstage({ kind: 'unload' });
    const old = model.state === 'ready' ? await model.pipeline() : null;
    model.unload();
    await old?.dispose();
    const { name, source, options: opening } = target(which), { pipeline, version } = await import('galago');
    signal.throwIfAborted();
    onstage({ kind: 'load', share: 0 });
    const progress_callback: ModelOptions['progress_callback'] = (e) => e.status === 'load' && onstage({ kind: 'load', share: e.progress / 100 });
    vl = (await pipeline('image-to-text', source, { ...opening, signal, progress_callback })) as TextPipeline;
    const measured = await measure(vl, { runs, far, signal, onpart: (kind, n, share) => onstage({ kind, run: n, share }) });
    return {
      at: new Date().toISOString(), model: name, dtype: opening.dtype ?? 'as-is', device: vl.info.device, device_name: vl.device.name, reason: vl.device.reason, runs,
      browser: browserOf(navigator), system: systemOf(navigator), cores: navigator.hardwareConcurrency, isolated: globalThis.crossOriginIsolated, version, hidden, ...measured,
    };
  } finally {
    document.removeEventListener('visibilitychange', look);
    await vl?.dispose().catch(() => undefined);
  }
}
