// What was measured, with all that it depends on, as rows of a table and as text to take along.
import type { Measured } from './benchmark_measure.js';

export interface Result extends Measured {
  at: string;
  model: string;
  /** 'as-is', or what the weights were turned into. */
  dtype: string;
  /** As the engine tells it, with instruction set and threads. */
  device: string;
  /** The GPU or processor as the browser names it. */
  device_name: string;
  reason: string;
  runs: number;
  browser: string;
  system: string;
  cores: number;
  isolated: boolean;
  version: string;
  /** The page was not seen all the time: browsers slow such pages down. */
  hidden: boolean;
}

/** How a value is to be written. */
export type Unit = 'tok/s' | 'ms' | 'bytes' | '';
export interface Line {
  /** Key of a text: benchmark.row_… */
  key: string;
  unit: Unit;
  value(r: Result): number | string | undefined;
  /** In `spread`. */
  spread?: string;
}

export const LINES: readonly Line[] = [
  { key: 'first_token', unit: 'ms', value: (r) => r.image?.first_token_ms, spread: 'first_token_ms' },
  { key: 'vision', unit: 'ms', value: (r) => r.image?.vision_ms, spread: 'vision_ms' },
  { key: 'prefill_256', unit: 'tok/s', value: (r) => r.prefill[256], spread: 'prefill_256' },
  { key: 'prefill_1024', unit: 'tok/s', value: (r) => r.prefill[1024], spread: 'prefill_1024' },
  { key: 'decode_256', unit: 'tok/s', value: (r) => r.decode[256], spread: 'decode_256' },
  { key: 'decode_2048', unit: 'tok/s', value: (r) => r.decode[2048], spread: 'decode_2048' },
  { key: 'load', unit: 'ms', value: (r) => r.load_ms },
  { key: 'weights', unit: 'bytes', value: (r) => r.memory.weights_bytes },
  { key: 'memory', unit: 'bytes', value: (r) => (r.memory.wasm_bytes ?? 0) + (r.memory.gpu_bytes ?? 0) },
  { key: 'hash', unit: '', value: (r) => r.logits_hash },
];

/** The settings that figures depend on, in the same manner. */
export const FACTS: readonly { key: string; value(r: Result): string }[] = [
  { key: 'device', value: (r) => (r.device_name && !r.device.includes(r.device_name) ? `${r.device_name} · ${r.device}` : r.device) },
  { key: 'browser', value: (r) => `${r.browser}, ${r.system}` },
  { key: 'runs', value: (r) => String(r.runs) },
];

/** Rows that any of the results has. */
export const present = (results: readonly Result[]): Line[] => LINES.filter((line) => results.some((r) => line.value(r) !== undefined));

interface Words {
  text(key: string): string;
  figure(value: number, unit: Unit): string;
}

/** One column a result. */
export function markdown(results: readonly Result[], { text, figure }: Words): string {
  const safe = (s: string): string => s.replace(/\s+/g, ' ').replaceAll('|', '\\|');
  const row = (cells: readonly string[]): string => `| ${cells.map(safe).join(' | ')} |`;
  const line = (l: Line): string => row([text(`row_${l.key}`), ...results.map((r) => {
    const value = l.value(r);
    return value === undefined ? '–' : typeof value === 'string' ? `\`${value}\`` : figure(value, l.unit);
  })]);
  return `${[
    row(['', ...results.map((r) => (r.dtype === 'as-is' ? r.model : `${r.model}, ${r.dtype}`))]), row(['---', ...results.map(() => '---:')]),
    ...present(results).map(line), ...FACTS.map((f) => row([text(`row_${f.key}`), ...results.map((r) => f.value(r))])),
  ].join('\n')}\n\n${results.some((r) => r.hidden) ? `${text('was_hidden')} ` : ''}galago ${results.at(-1)?.version ?? ''}, ${results.at(-1)?.at ?? ''}\n`;
}

export const json = (results: readonly Result[]): string => `${JSON.stringify(results.length === 1 ? results[0] : results, null, 2)}\n`;

interface Agent {
  userAgent: string;
  userAgentData?: { brands: { brand: string; version: string }[]; platform: string };
}

/** Name and version of the browser, as far as it says. */
export function browserOf({ userAgent, userAgentData }: Agent): string {
  const brands = (userAgentData?.brands ?? []).filter(({ brand }) => !/not.*brand/i.test(brand));
  // Chromium names itself beside the product that is made of it.
  const own = brands.find(({ brand }) => brand !== 'Chromium') ?? brands[0];
  if (own) return `${own.brand} ${own.version}`;
  for (const [pattern, name] of [[/Firefox\/(\d+)/, 'Firefox'], [/Edg\/(\d+)/, 'Edge'], [/Chrom(?:e|ium)\/(\d+)/, 'Chromium'], [/Version\/([\d.]+).*Safari/, 'Safari or WebKit']] as const) {
    const found = pattern.exec(userAgent);
    if (found) return `${name} ${found[1]}`;
  }
  return 'an unknown browser';
}

export function systemOf({ userAgent, userAgentData }: Agent): string {
  if (userAgentData?.platform) return userAgentData.platform;
  return /iPhone|iPad/.test(userAgent) ? 'iOS' : /Android/.test(userAgent) ? 'Android' : /Windows/.test(userAgent) ? 'Windows' : /Mac OS/.test(userAgent) ? 'macOS' : /Linux/.test(userAgent) ? 'Linux' : 'an unknown system';
}
