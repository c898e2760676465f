// The choice of the device, and the engine's data type from the package's words for it.

import { findAdapter, openGpu, selfTest, type Found } from './adapter.js';
import { GalagoError } from './errors.js';
import type { Gpu } from './gpu.js';
import type { Platform } from './platform.js';
import type { DeviceInfo, OpenOptions } from './rpc.js';
import type { Resolved } from './store/types.js';

export interface Chosen {
  device: DeviceInfo;
  found: Found | null;
}

/** Where the model is to run, before anything is opened. Throws where 'gpu' is asked for and there is none. */
export async function chooseDevice(options: Pick<OpenOptions, 'device' | 'webgpu'>, platform: Platform): Promise<Chosen> {
  if (options.device === 'cpu') return { device: cpu('The CPU was asked for.'), found: null };
  const api = await platform.gpu(options.webgpu);
  const found = typeof api === 'string' ? api : await findAdapter(api);
  if (typeof found === 'string') {
    if (options.device === 'gpu') throw new GalagoError('unsupported', `The GPU was asked for, but ${found}. Use device "auto" or "cpu".`);
    return { device: cpu(`On the CPU, because ${found}.`), found: null };
  }
  const { name, software } = found.description;
  if (options.device === 'auto' && software) return { device: cpu(`On the CPU, because the only WebGPU adapter (${name}) is software, which is slower.`), found: null };
  const reason = options.device === 'gpu' ? 'The GPU was asked for.' : 'WebGPU has an adapter.';
  return { device: { type: 'gpu', name, reason }, found };
}

function cpu(reason: string): DeviceInfo {
  return { type: 'cpu', name: 'CPU', reason };
}

/** The chosen GPU, tested. A text says why it cannot be used. */
export async function openTested(found: Found): Promise<Gpu | string> {
  let gpu: Gpu;
  try {
    gpu = await openGpu(found);
  } catch (e) {
    return `it gave no device: ${e instanceof Error ? e.message : String(e)}`;
  }
  const wrong = await selfTest(gpu);
  if (wrong === null) return gpu;
  await gpu.close();
  return `it failed the self-test: ${wrong}`;
}

/** Words of this package and of Transformers.js. */
const dtypes: Record<string, string> = {
  'as-is': 'as-is', auto: 'as-is', f32: 'f32', fp32: 'f32', f16: 'f16', fp16: 'f16', q8: 'q8_0', q8_0: 'q8_0', int8: 'q8_0', q4: 'q4_0', q4_0: 'q4_0', int4: 'q4_0', q4f16: 'q4_0',
};

export function checkDtype(dtype: string | undefined): void {
  if (dtype !== undefined && !(dtype.toLowerCase() in dtypes) && !/^(q[2-6]_k(_[sml])?|q[458]_[01]|bf16)$/i.test(dtype)) throw new GalagoError('argument', `dtype "${dtype}" is unknown. Known: ${Object.keys(dtypes).join(', ')}, or a GGUF type such as q4_k_m.`);
}

/** What weights are turned into. A GGUF file whose name says that it is of that kind already stays as it is. */
export function engineDtype(dtype: string | undefined, resolved: Resolved | null): string {
  if (dtype === undefined) return 'as-is';
  const wanted = dtypes[dtype.toLowerCase()];
  if (wanted === undefined || wanted === 'as-is') return 'as-is';
  const [, kind, bits] = /^([qf])(\d+)/.exec(wanted)!;
  const named = new RegExp(`(?:^|[^a-z0-9])${kind === 'q' ? 'i?q' : 'b?fp?'}${bits}(?![0-9])`, 'i');
  if (resolved?.format === 'gguf' && named.test(resolved.main)) return 'as-is';
  return wanted;
}
