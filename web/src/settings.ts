// What the person set, kept between visits.

import type { GenerationOptions, ModelOptions } from 'galago';

export interface Settings {
  /** 0: always the likeliest word. */
  temperature: number;
  top_p: number;
  max_tokens: number;
  /** How large pictures are looked at. */
  detail: 'low' | 'auto' | 'high';
  think: boolean;
  device: 'auto' | 'gpu' | 'cpu';
  /** '' is the browser's. */
  language: '' | 'en' | 'de';
  theme: 'system' | 'light' | 'dark';
  /** Speed, time and memory beside answers. */
  figures: boolean;
}

export const defaults: Readonly<Settings> = { temperature: 0, top_p: 1, max_tokens: 512, detail: 'auto', think: false, device: 'auto', language: '', theme: 'system', figures: false };

export const limits = {
  temperature: { least: 0, most: 2, step: 0.1 },
  top_p: { least: 0.05, most: 1, step: 0.05 },
  max_tokens: { least: 16, most: 2048, step: 16 },
} as const;

const choices: { [K in keyof Settings]?: readonly Settings[K][] } = {
  detail: ['low', 'auto', 'high'], device: ['auto', 'gpu', 'cpu'], language: ['', 'en', 'de'], theme: ['system', 'light', 'dark'], think: [false, true], figures: [false, true],
};

/** Settings of which every one is sound: what is not, is as `before` has it. */
export function clamp(wanted: unknown, before: Readonly<Settings> = defaults): Settings {
  const from = (typeof wanted === 'object' && wanted !== null ? wanted : {}) as Record<string, unknown>, out = { ...before } as Record<string, unknown>;
  for (const [name, { least, most, step }] of Object.entries(limits)) {
    const value = from[name];
    if (typeof value !== 'number' || !Number.isFinite(value)) continue;
    // Steps count from 0, and are decimal: 0.30000000000000004 is 0.3.
    out[name] = Number(Math.min(most, Math.max(least, Math.round(value / step) * step)).toFixed(2));
  }
  for (const [name, allowed] of Object.entries(choices)) {
    if ((allowed as readonly unknown[]).includes(from[name])) out[name] = from[name];
  }
  return out as unknown as Settings;
}

const KEY = 'galago.settings';

function read(): Settings {
  try {
    return clamp(JSON.parse(localStorage.getItem(KEY) ?? '{}'));
  } catch {
    return { ...defaults };
  }
}

let current = read();
const listeners = new Set<(now: Settings, before: Settings) => void>();

function change(next: Settings): void {
  const before = current;
  current = next;
  for (const listen of listeners) listen(current, before);
}

// Another tab changed them.
if (typeof addEventListener === 'function') addEventListener('storage', (e) => e.key === KEY && change(read()));

export const settings = {
  get: (): Settings => ({ ...current }),
  set(patch: Partial<Settings>): void {
    const next = clamp({ ...current, ...patch }, current);
    try {
      localStorage.setItem(KEY, JSON.stringify(next));
    } catch {
      // Without storage they hold for this visit.
    }
    change(next);
  },
  reset(): void {
    settings.set(defaults);
  },
  /** Is called after each change; returns what ends that. */
  onchange(fn: (now: Settings, before: Settings) => void): () => void {
    listeners.add(fn);
    return () => listeners.delete(fn);
  },
};

export function generation(): GenerationOptions {
  const { temperature, top_p, max_tokens, think } = current;
  return { temperature, max_tokens, ...(temperature > 0 && top_p < 1 ? { top_p } : {}), ...(think ? { think } : {}) };
}

/** One token of a picture stands for 32 × 32 pixels; the context holds 4096 tokens. */
const PIXELS = { low: { max_pixels: 256 * 1024 }, auto: {}, high: { max_pixels: 3072 * 1024, context: 8192 } } as const;

export function modelOptions(): ModelOptions {
  return { device: current.device, ...PIXELS[current.detail] };
}
