// What can be said about a model before a byte of its weights is fetched.

import { chooseDevice, checkDtype } from './device.js';
import { abortError, GalagoError } from './errors.js';
import type { Platform } from './platform.js';
import type { DeviceInfo, OpenOptions, ProbeResult } from './rpc.js';
import { cache, resolve } from './store/index.js';
import type { ModelSource } from './store/types.js';

/** State, scratch and staging beside the weights, of the models of 1 to 4 billion parameters at the default context. */
const EXTRA_BYTES = 250e6;
/** Of a wasm module with 32-bit addresses. */
const WASM_BYTES = 4 * 2 ** 30;

export async function probe(source: ModelSource, options: OpenOptions, platform: Platform, signal: AbortSignal): Promise<ProbeResult> {
  const result: ProbeResult = {
    supported: false, reason: '', device: { type: 'cpu', name: 'CPU', reason: '' },
    total_bytes: 0, download_bytes: 0, memory_bytes: 0, storage_free_bytes: 0, files: [],
  };
  const refuse = (reason: string): ProbeResult => ({ ...result, reason });
  try {
    checkDtype(options.dtype);
    const { device, found } = await chooseDevice(options, platform);
    result.device = { ...device };
    const usage = await cache.usage(options.source).catch(() => ({ used: 0, quota: 0, persisted: false }));
    result.storage_free_bytes = Math.max(0, usage.quota - usage.used);
    if (typeof source === 'string' && source.startsWith('synthetic:')) return { ...result, supported: true, reason: `${device.reason} The model is made in memory.` };

    const resolved = await resolve(source, { demoUrl: platform.models, ...options.source, dtype: options.dtype, signal });
    if (signal.aborted) throw abortError(signal);
    result.format = resolved.format;
    result.files = resolved.files.map(({ name, size }) => ({ name, size }));
    result.total_bytes = resolved.total;
    const here = (await cache.list(options.source).catch(() => [])).find((m) => m.id === resolved.id);
    const stored = new Map(here?.files.map((f) => [f.name, f.loaded]) ?? []);
    const fetched = resolved.files.filter((f) => f.url !== undefined || f.parts !== undefined);
    result.download_bytes = fetched.reduce((sum, f) => sum + Math.max(0, f.size - (stored.get(f.name) ?? 0)), 0);
    result.memory_bytes = Math.round(memoryOf(resolved.total, resolved.format, options.dtype) + Math.min(EXTRA_BYTES, resolved.total + 30e6));
    return judge(result, device, found?.adapter.limits.maxBufferSize ?? 0);
  } catch (e) {
    if (!(e instanceof GalagoError)) throw e;
    return refuse(e.message);
  }
}

/** Bytes of the weights as they are used: 16-bit files are made smaller on the way when that is asked for. */
function memoryOf(total: number, format: 'gguf' | 'hf', dtype: string | undefined): number {
  if (format === 'gguf' || !dtype) return total;
  return /4/.test(dtype) ? total * 0.36 : /8/.test(dtype) ? total * 0.54 : total;
}

function judge(result: ProbeResult, device: DeviceInfo, largestBuffer: number): ProbeResult {
  const mb = (n: number): string => `${Math.ceil(n / 1e6)} MB`;
  if (device.type === 'cpu' && result.memory_bytes > WASM_BYTES)
    return { ...result, reason: `${device.reason} There the model needs about ${mb(result.memory_bytes)}, and a page's engine has ${mb(WASM_BYTES)}. Choose a smaller model or dtype "q4".` };
  if (device.type === 'gpu' && largestBuffer > 0 && largestBuffer < 128 * 2 ** 20)
    return { ...result, reason: `The GPU (${device.name}) allows buffers of ${mb(largestBuffer)} only; 134 MB are needed. Use device "cpu".` };
  if (result.download_bytes > 0 && result.storage_free_bytes > 0 && result.download_bytes > result.storage_free_bytes)
    return { ...result, supported: true, reason: `${device.reason} ${mb(result.download_bytes)} are to be fetched, but the storage has ${mb(result.storage_free_bytes)} free: free some, or the files are fetched again each time.` };
  const fetch = result.download_bytes > 0 ? `${mb(result.download_bytes)} are to be fetched.` : 'Nothing has to be fetched.';
  return { ...result, supported: true, reason: `${device.reason} ${fetch}` };
}
