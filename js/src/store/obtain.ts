// All files of a model, from the store or the network, verified and open.
import { GalagoError, abortError } from '../errors.js';
import { keyOf, openStore } from './choose.js';
import { FileDownload, Slots } from './download.js';
import { fileReader, nodeModules } from './folder.js';
import { hubBase } from './hub.js';
import { netOf, sleep, type Net } from './http.js';
import { putRecord, saveModel } from './models.js';
import { Progress } from './progress.js';
import { rangesAreSound, rangesSize } from './ranges.js';
import { blobReader } from './readers.js';
import { askPersist, bytesText } from './space.js';
import type { FileRecord, Store } from './store.js';
import type { ModelFile, ProgressEvent, Resolved, SourceOptions, SyncReader } from './types.js';
import type { MakeHasher } from './verify.js';

export type ObtainOptions = SourceOptions & {
  progress?(e: ProgressEvent): void;
  /** Bytes of a file of `size` bytes as they arrive, in any order; -1 = not known yet. They are the caller's for this call alone, and
   * what the sums say of them is not known yet. */
  arrived?(name: string, size: number, offset: number, bytes: Uint8Array): void;
};

interface Job {
  file: ModelFile;
  key: string;
}

const addressOf = (file: ModelFile): string => file.url ?? file.parts![0]!.url;

/** Key of a stored file; undefined for one that is not stored. */
export function storedKey(file: ModelFile): string | undefined {
  return file.blob || file.path || !(file.url ?? file.parts?.length) ? undefined : keyOf(file.keptAs ?? addressOf(file), file.name);
}

export function soundRecord(value: unknown): FileRecord | undefined {
  const r = value as FileRecord | undefined;
  if (r?.v !== 1 || typeof r.name !== 'string' || typeof r.complete !== 'boolean' || !Number.isSafeInteger(r.size)) return undefined;
  return rangesAreSound(r.ranges, r.size < 0 ? Number.MAX_SAFE_INTEGER : r.size) ? r : undefined;
}

/** Whether a record is of the version of the file that was resolved. */
function isSame(record: FileRecord, file: ModelFile): boolean {
  if (file.sha256 && record.sha256) return file.sha256 === record.sha256;
  if (file.size >= 0 && record.size >= 0 && file.size !== record.size) return false;
  return !file.version || !record.version || file.version === record.version;
}

/** The record of a file that is complete and right, and really there. */
export async function completeRecord(store: Store, key: string, file: ModelFile): Promise<FileRecord | undefined> {
  const record = soundRecord(await store.records.get(key));
  return record?.complete && isSame(record, file) && (await store.has(key, record.size)) ? record : undefined;
}

async function checkSpace(store: Store, id: string, jobs: Job[]): Promise<void> {
  let needed = 0;
  for (const { file, key } of jobs) {
    const record = soundRecord(await store.records.get(key));
    const here = record && !record.complete && isSame(record, file) ? rangesSize(record.ranges) : 0;
    needed += Math.max(0, file.size - here);
  }
  const space = await store.space();
  if (!space || needed <= space.quota - space.used) return;
  const free = Math.max(0, space.quota - space.used);
  throw new GalagoError('storage',
    `${id}: ${bytesText(needed)} (${needed} bytes) are to be stored and ${bytesText(free)} are free${store.kind === 'folder' ? ' on the disk' : ' for this site'}; ` +
    `remove models with cache.remove() or free space on the device, choose a smaller dtype, or keep nothing with {storage: 'memory'}`);
}

/** Fetches one file, or waits while somebody else does. */
async function fetchFile(store: Store, job: Job, net: Net, o: ObtainOptions, slots: Slots, progress: Progress, makeHasher: MakeHasher | undefined): Promise<void> {
  const { file, key } = job;
  const url = addressOf(file);
  for (let told = false; ; ) {
    let record = await completeRecord(store, key, file);
    if (record) break;
    const done = await store.exclusive(key, async () => {
      // Another tab may have ended it between the look and the lock.
      if (await completeRecord(store, key, file)) return true;
      record = soundRecord(await store.records.get(key));
      if (!record || record.complete || !isSame(record, file)) {
        if (record) await store.remove(key);
        record = { v: 1, name: file.name, url, size: file.size, ranges: [], complete: false };
      }
      record.url = url;
      if (record.size < 0) record.size = file.size;
      if (file.sha256) record.sha256 = file.sha256;
      if (file.version) record.version = file.version;
      const part = await store.openPart(key, record.size, record.ranges);
      if (!part) return undefined;
      record.ranges = [...part.ranges];
      const own = record;
      try {
        if (!told) progress.download(file.name);
        told = true;
        await putRecord(store, key, own);
        await new FileDownload({
          file, part, record: own, net, slots, makeHasher,
          connections: o.connections ?? 4,
          pieceSize: o.pieceSize ?? 8 << 20,
          save: (r) => putRecord(store, key, r),
          onBytes: (loaded, total) => progress.bytes(file.name, loaded, total),
          arrived: (offset, bytes) => o.arrived?.(file.name, own.size, offset, bytes),
        }).run();
        await part.finish(own.size);
      } catch (e) {
        await part.close();
        throw e;
      }
      // From here on the file is whole; before, nothing takes it for that.
      await putRecord(store, key, { ...own, ranges: [0, own.size].slice(0, own.size ? 2 : 0), complete: true });
      return true;
    });
    if (done) break;
    const others = soundRecord(await store.records.get(key));
    if (others && !others.complete) progress.bytes(file.name, rangesSize(others.ranges), others.size);
    if (!told) progress.download(file.name);
    told = true;
    await sleep(250, net.signal);
  }
}

const inRange = (value: number | undefined, least: number, most: number, name: string): void => {
  if (value !== undefined && !(Number.isSafeInteger(value) && value >= least && value <= most)) {
    throw new GalagoError('argument', `${name}: ${value} is not a whole number from ${least} to ${most}`);
  }
};

/** Every file of a resolved model as a reader, by its name. What is not stored is downloaded, verified and stored first.
 * The caller closes the readers. Throws GalagoError 'network', 'storage', 'io' or 'memory', or the signal's reason; what
 * arrived before is kept and a later call goes on from there. */
export async function obtain(r: Resolved, o: ObtainOptions = {}): Promise<Map<string, SyncReader>> {
  inRange(o.connections, 1, 16, 'connections');
  inRange(o.pieceSize, 1, 2 ** 31, 'pieceSize');
  if (o.signal?.aborted) throw abortError(o.signal);
  const fetched = r.files.find((f) => f.url ?? f.parts), first = fetched && addressOf(fetched);
  const net = netOf(o, o.baseUrl || !first ? new URL(hubBase(o)).origin : new URL(first).origin);
  const progress = new Progress(r.id, o.progress);
  const keys = r.files.map(storedKey);
  const store = keys.some(Boolean) ? await openStore(o) : undefined;
  const node = await nodeModules();
  for (const [i, file] of r.files.entries()) progress.initiate(file.name, file.size, keys[i] && store ? store.kind : 'none');

  if (store) {
    const jobs: Job[] = [];
    for (const [i, file] of r.files.entries()) {
      const key = keys[i];
      if (!key) continue;
      const record = await completeRecord(store, key, file);
      if (record) {
        file.size = record.size;
        progress.done(file.name, record.size, false);
      } else {
        jobs.push({ file, key });
      }
    }
    if (jobs.length) {
      if (o.local) {
        const names = jobs.map((j) => j.file.name).join(', ');
        throw new GalagoError('storage', `${r.id}: ${names} ${jobs.length > 1 ? 'are' : 'is'} not stored completely, and {local: true} allows no download; load the model once without it`);
      }
      await checkSpace(store, r.id, jobs);
      if (store.kind !== 'memory' && store.kind !== 'folder') await askPersist();
      // Listed before its first byte, so that an unfinished download can be seen and removed.
      await saveModel(store, r, keys);
      await fetchAll(store, jobs, net, o, progress, node && (() => node.crypto.createHash('sha256')));
    }
    r.total = r.files.reduce((n, f) => n + Math.max(0, f.size), 0);
    await saveModel(store, r, keys);
  }

  const readers = new Map<string, SyncReader>();
  try {
    for (const [i, file] of r.files.entries()) {
      const key = keys[i];
      readers.set(file.name, key && store ? await store.open(key, file.name, file.size) : await openLocal(file, node?.fs));
      if (!key) progress.done(file.name, readers.get(file.name)!.size, false);
    }
  } catch (e) {
    for (const reader of readers.values()) reader.close();
    throw e;
  }
  return readers;
}

async function openLocal(file: ModelFile, fs: typeof import('node:fs') | undefined): Promise<SyncReader> {
  if (file.blob) return blobReader(file.name, file.blob);
  if (file.path && fs) return fileReader(fs, file.name, file.path);
  throw new GalagoError('argument', `${file.name}: it has neither an address nor content`);
}

async function fetchAll(store: Store, jobs: Job[], net: Net, o: ObtainOptions, progress: Progress, makeHasher: MakeHasher | undefined): Promise<void> {
  const slots = new Slots(o.connections ?? 4);
  const stop = new AbortController();
  const onAbort = () => stop.abort(net.signal?.reason);
  if (net.signal?.aborted) onAbort();
  net.signal?.addEventListener('abort', onAbort, { once: true });
  const queue = [...jobs];
  let failed: { error: unknown } | undefined;
  const work = async (): Promise<void> => {
    for (let job; (job = queue.shift()) && !stop.signal.aborted; ) {
      try {
        await fetchFile(store, job, { ...net, signal: stop.signal }, o, slots, progress, makeHasher);
        const record = await completeRecord(store, job.key, job.file);
        if (!record) throw new GalagoError('storage', `${job.file.name}: it was removed right after its download; load the model again`);
        job.file.size = record.size;
        progress.done(job.file.name, record.size, true);
      } catch (error) {
        failed ??= { error };
        stop.abort(error);
      }
    }
  };
  // Two files at a time keep the connections busy over a file's end, and the disk from seeking among many.
  await Promise.all(Array.from({ length: Math.min(2, jobs.length) }, work));
  net.signal?.removeEventListener('abort', onAbort);
  if (net.signal?.aborted) throw abortError(net.signal);
  if (failed) throw failed.error;
}
