// From what a user names to a list of files with their sizes. No weights are downloaded.
import { GalagoError, abortError } from '../errors.js';
import { openStore } from './choose.js';
import { nodeModules, type NodeModules } from './folder.js';
import { baseName, chooseText, chooseVision, isText, isVision, splitParts, visionNames } from './gguf_names.js';
import { fileUrl, hubAddress, hubBase, hubId, listFiles, type HubFile, type HubId } from './hub.js';
import { Transient, fromServer, netOf, networkError, probe, retrying, send, type Net, type Probe } from './http.js';
import { findModel } from './models.js';
import { completeRecord, storedKey } from './obtain.js';
import { filePath, folderFiles, pathOf } from './disk.js';
import type { ModelFile, ModelSource, Resolved, SourceOptions } from './types.js';

/** What a Hugging Face folder has beside its weights, in the engine's words (src/weights). */
const FOLDER_TEXTS = ['config.json', 'generation_config.json', 'preprocessor_config.json', 'tokenizer.json', 'tokenizer_config.json', 'chat_template.jinja', 'chat_template.json'];
const VOCABULARY = ['vocab.json', 'merges.txt'];
const INDEX = 'model.safetensors.index.json';

export const total = (files: ModelFile[]): number => files.reduce((n, f) => n + Math.max(0, f.size), 0);

/** A list of paths, of which those that a model needs are picked: what the kinds of sources have in common. */
export interface Listed {
  where: string;
  paths: string[];
  file(path: string, name: string): ModelFile;
}

/** Picks the files of one model from a list. `folder` names a Hugging Face folder for the engine. */
export function pick(l: Listed, folder: string, o: SourceOptions): Omit<Resolved, 'id' | 'total'> {
  const { paths } = l;
  const has = (p: string): boolean => paths.includes(p);
  if (o.file !== undefined && !has(o.file)) {
    throw new GalagoError('argument', `${l.where}: it holds no file ${o.file}; there are ${paths.slice(0, 20).join(', ')}`);
  }
  const gguf = o.file ? /\.gguf$/i.test(o.file) : paths.some(isText);
  if (gguf) {
    const main = o.file ?? chooseText(l.where, paths, o.dtype);
    const parts = splitParts(main);
    const lacking = parts.filter((p) => !has(p));
    if (lacking.length) throw new GalagoError('argument', `${l.where}: ${main} is in ${parts.length} parts, ${lacking[0]} is not there`);
    if (o.mmproj && !has(o.mmproj)) throw new GalagoError('argument', `${l.where}: it holds no file ${o.mmproj}; vision parts there: ${paths.filter(isVision).join(', ') || 'none'}`);
    const vision = o.mmproj ?? chooseVision(l.where, main, paths);
    const files = [...parts, ...(vision ? [vision] : [])].map((p) => l.file(p, baseName(p)));
    return { format: 'gguf', main: baseName(main), ...(vision ? { mmproj: baseName(vision) } : {}), files };
  }
  const tries = [/^model\.safetensors(\.index\.json)?$/, /^[^/]*\.safetensors$/, /\/model\.safetensors(\.index\.json)?$/, /\.safetensors$/];
  const weights = o.file ?? tries.map((t) => paths.find((p) => t.test(p))).find((p) => p !== undefined);
  const within = weights?.slice(0, weights.lastIndexOf('/') + 1) ?? '';
  if (!weights || !has(`${within}config.json`)) {
    throw new GalagoError('argument', `${l.where}: it holds neither a GGUF file nor config.json with *.safetensors; there ${paths.length ? `are ${paths.slice(0, 20).join(', ')}` : 'is nothing'}`);
  }
  const inFolder = paths.filter((p) => p.startsWith(within) && !p.slice(within.length).includes('/'));
  let shards = [weights];
  if (!o.file) {
    const index = inFolder.find((p) => p.endsWith('.safetensors.index.json'));
    const stem = index?.slice(0, -'.safetensors.index.json'.length);
    const tensors = inFolder.filter((p) => p.endsWith('.safetensors'));
    const indexed = tensors.filter((p) => stem && p.startsWith(`${stem}-`));
    // A single file of all weights makes an index beside it superfluous.
    if (has(`${within}model.safetensors`)) shards = [`${within}model.safetensors`];
    else if (index) shards = [index, ...(indexed.length ? indexed : tensors)];
    else shards = tensors;
  }
  const texts = FOLDER_TEXTS.filter((p) => inFolder.includes(within + p));
  if (!texts.includes('tokenizer.json')) texts.push(...VOCABULARY.filter((p) => inFolder.includes(within + p)));
  const files = [...texts.map((p) => within + p), ...shards].map((p) => l.file(p, `${folder}/${baseName(p)}`));
  return { format: 'hf', main: folder, files };
}

const words = (text: string): string => text.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[.-]+/, '') || 'model';

/** The stored answer to the same request, if every file of it is whole. */
async function stored(request: string, o: SourceOptions): Promise<Resolved | undefined> {
  const store = await openStore(o).catch(() => undefined);
  const r = store && (await findModel(store, request));
  if (!store || !r) return undefined;
  for (const file of r.files) {
    const key = storedKey(file);
    if (!key || !(await completeRecord(store, key, file))) return undefined;
  }
  return r;
}

function notStored(what: string): GalagoError {
  return new GalagoError('storage', `${what}: it is not stored completely, and {local: true} allows no question to the network; load it once without this option`);
}

// ---- hubs ----

async function fromHub(h: HubId, o: SourceOptions, asked: string): Promise<Resolved> {
  const id = h.revision === 'main' ? h.repo : `${h.repo}@${h.revision}`;
  const choice: SourceOptions = { ...o, file: o.file ?? h.file };
  const request = JSON.stringify(['hub', h.base, id, choice.file, o.dtype, o.mmproj]);
  const here = await stored(request, o);
  if (here && !o.refresh) return here;
  if (o.local) throw notStored(asked);
  const net = netOf(here ? { ...o, retries: Math.min(1, o.retries ?? 1) } : o, new URL(h.base).origin);
  let listed: Awaited<ReturnType<typeof listFiles>>;
  try {
    listed = await listFiles(net, h);
  } catch (e) {
    // Without a network a stored copy is better than none.
    if (here && e instanceof GalagoError && e.cause instanceof Transient) return here;
    throw e;
  }
  const folder = words(baseName(h.repo));
  if (listed) {
    const { commit, files } = listed;
    const byPath = new Map<string, HubFile>(files.map((f) => [f.path, f]));
    const r = pick({
      where: id,
      paths: [...byPath.keys()],
      file(path, name) {
        const f = byPath.get(path)!;
        // The commit's address, so that a change of the branch in the middle of a download mixes no versions.
        return { name, size: f.size, url: fileUrl(h, commit, path), keptAs: fileUrl(h, h.revision, path), version: f.version, ...(f.sha256 ? { sha256: f.sha256 } : {}) };
      },
    }, folder, choice);
    return { id, ...r, total: total(r.files), request };
  }
  const r = choice.file && /\.gguf$/i.test(choice.file)
    ? await ggufAt(net, new URL(fileUrl(h, h.revision, choice.file)), o)
    : await folderAt(net, new URL(fileUrl(h, h.revision, 'x')), folder, id, choice);
  return { id, ...r, total: total(r.files), request };
}

// ---- plain addresses ----

const nameIn = (url: URL): string => words(decodeURIComponent(baseName(url.pathname)));

function fileAt(url: URL, name: string, p: Probe): ModelFile {
  return { name, size: p.size, url: url.href, ...(p.version ? { version: p.version } : {}) };
}

/** A neighbour of an address, with the same query: signed addresses and version marks stand there. */
function beside(url: URL, name: string): URL {
  const at = new URL(name, url);
  if (!at.search && at.origin === url.origin) at.search = url.search;
  return at;
}

async function ggufAt(net: Net, url: URL, o: SourceOptions): Promise<Omit<Resolved, 'id' | 'total'>> {
  const files: ModelFile[] = [];
  for (const part of splitParts(baseName(url.pathname))) {
    const at = beside(url, part);
    const p = await probe(net, at.href).catch((e: unknown) => { throw networkError(at.href, e); });
    if (!p) throw new GalagoError('network', `${at.href}: ${fromServer(at.href) ? 'the server answered 404' : 'it is not there'}; check the address`);
    files.push(fileAt(at, nameIn(at), p));
  }
  const names = o.mmproj !== undefined ? [o.mmproj].filter(Boolean) : visionNames(baseName(decodeURIComponent(url.pathname)));
  for (const name of names) {
    const at = beside(url, name);
    const p = await probe(net, at.href).catch((e: unknown) => { throw networkError(at.href, e); });
    if (!p) continue;
    files.push(fileAt(at, nameIn(at), p));
    return { format: 'gguf', main: files[0]!.name, mmproj: nameIn(at), files };
  }
  if (o.mmproj) throw new GalagoError('network', `${o.mmproj}: the vision part is not there; check the option mmproj`);
  return { format: 'gguf', main: files[0]!.name, files };
}

/** manifest.json, as `galago convert --split` writes it, for static hosting with a limit on the size of a file:
 *
 *   {"main": "demo.gguf", "mmproj": "mmproj-demo.gguf",          both optional: found by their names
 *    "files": [{"name": "demo.gguf", "size": bytes, "sha256": hex,
 *               "parts": [{"name": "demo.gguf.000", "size": bytes, "sha256": hex}, ...]}, ...]}
 *
 * Names are relative to the manifest; a file without parts lies there whole. The sizes of the parts add up to the file's;
 * their bytes one after the other are the file. */
function fromManifest(url: URL, text: string, o: SourceOptions): Omit<Resolved, 'id' | 'total'> {
  const bad = (what: string): GalagoError => new GalagoError('format', `${url.href}: ${what}; it was not written by galago convert --split or is damaged`);
  interface Entry { name?: unknown; size?: unknown; sha256?: unknown; parts?: Entry[] }
  let m: { main?: unknown; mmproj?: unknown; files?: Entry[] };
  try {
    m = JSON.parse(text) as typeof m;
  } catch (e) {
    throw bad(`it is no JSON (${(e as Error).message})`);
  }
  if (!Array.isArray(m?.files) || !m.files.length) throw bad('it lists no files');
  const size = (e: Entry, what: string): number => {
    if (!Number.isSafeInteger(e.size) || (e.size as number) < 0) throw bad(`${what}: size ${String(e.size)} is not a number of bytes`);
    return e.size as number;
  };
  const sum = (e: Entry, what: string): string => {
    if (typeof e.sha256 !== 'string' || !/^[0-9a-f]{64}$/i.test(e.sha256)) throw bad(`${what}: it has no sha256 of 64 hex digits`);
    return e.sha256.toLowerCase();
  };
  const name = (e: Entry): string => {
    if (typeof e.name !== 'string' || !/^[^/\\:]+(\/[^/\\:]+)*$/.test(e.name) || e.name.split('/').some((p) => p === '..' || p === '.')) throw bad(`'${String(e.name)}' is not a name within its folder`);
    return e.name;
  };
  const found = new Map<string, ModelFile>();
  for (const e of m.files) {
    const path = name(e), at = (n: string): string => beside(url, n.split('/').map(encodeURIComponent).join('/')).href;
    const file: ModelFile = { name: path, size: size(e, path), sha256: sum(e, path), keptAs: at(path) };
    if (e.parts) {
      if (!Array.isArray(e.parts) || !e.parts.length) throw bad(`${path}: its parts are not a list`);
      file.parts = e.parts.map((p) => ({ url: at(name(p)), size: size(p, name(p)), sha256: sum(p, name(p)) }));
      const all = file.parts.reduce((n, p) => n + p.size, 0);
      if (all !== file.size) throw bad(`${path}: its parts have ${all} bytes, it has ${file.size}`);
    } else {
      file.url = at(path);
    }
    found.set(path, file);
  }
  const text_ = (v: unknown): string | undefined => (typeof v === 'string' && found.has(v) ? v : undefined);
  return pick({ where: url.href, paths: [...found.keys()], file: (path, as) => ({ ...found.get(path)!, name: as }) },
    nameOfFolder(url), { ...o, file: o.file ?? text_(m.main), mmproj: o.mmproj ?? text_(m.mmproj) });
}

const nameOfFolder = (url: URL): string => words(decodeURIComponent(new URL('.', url).pathname.split('/').at(-2) ?? ''));

async function smallText(net: Net, url: URL): Promise<string | undefined> {
  const p = await probe(net, url.href).catch((e: unknown) => { throw networkError(url.href, e); });
  if (!p) return undefined;
  return retrying(net, async () => (await send(net, url.href)).text(64 << 20)).catch((e: unknown) => { throw networkError(url.href, e); });
}

/** A Hugging Face folder at a plain address: its files are asked for by their names. */
async function folderAt(net: Net, url: URL, folder: string, id: string, o: SourceOptions): Promise<Omit<Resolved, 'id' | 'total'>> {
  const found = new Map<string, ModelFile>();
  const ask = async (name: string): Promise<boolean> => {
    const at = beside(url, name);
    const p = await probe(net, at.href).catch((e: unknown) => { throw networkError(at.href, e); });
    if (p) found.set(name, fileAt(at, name, p));
    return p !== undefined;
  };
  if (!(await ask('config.json'))) {
    throw new GalagoError('network', `${id}: there is neither manifest.json nor config.json; give the address of a .gguf file, or of a folder that holds one of them`);
  }
  for (const name of FOLDER_TEXTS.slice(1)) await ask(name);
  if (!found.has('tokenizer.json')) for (const name of VOCABULARY) await ask(name);
  if (o.file) {
    await ask(o.file);
  } else if (!(await ask('model.safetensors')) && (await ask(INDEX))) {
    let map: unknown;
    try {
      map = (JSON.parse((await smallText(net, beside(url, INDEX))) ?? '') as { weight_map?: unknown }).weight_map;
    } catch (e) {
      if (e instanceof SyntaxError) throw new GalagoError('format', `${beside(url, INDEX).href}: it is no JSON (${e.message})`);
      throw e;
    }
    for (const name of new Set(Object.values((map ?? {}) as Record<string, unknown>))) {
      if (typeof name !== 'string' || /[/\\]|^\./.test(name)) throw new GalagoError('format', `${INDEX}: '${String(name)}' is not a file of its folder`);
      if (!(await ask(name))) throw new GalagoError('network', `${beside(url, name).href}: the index names it and it is not there`);
    }
  }
  return pick({ where: id, paths: [...found.keys()], file: (path, name) => ({ ...found.get(path)!, name }) }, folder, o);
}

async function fromUrl(url: URL, o: SourceOptions, id = url.href): Promise<Resolved> {
  const request = JSON.stringify(['url', url.href, o.file, o.dtype, o.mmproj]);
  const here = await stored(request, o);
  if (o.local) {
    if (here) return here;
    throw notStored(id);
  }
  // Asked each time, since an address says nothing about its version; quickly, where a copy is stored.
  const net = netOf(here ? { ...o, retries: Math.min(1, o.retries ?? 1) } : o, o.baseUrl ? new URL(hubBase(o)).origin : url.origin);
  try {
    let r: Omit<Resolved, 'id' | 'total'>;
    if (/\.gguf$/i.test(url.pathname)) {
      r = await ggufAt(net, url, o);
    } else {
      const folder = url.pathname.endsWith('/') || /\.json$/i.test(url.pathname) ? url : new URL(`${url.pathname}/${url.search}`, url);
      const manifest = /\/config\.json$/i.test(folder.pathname) ? undefined : /\.json$/i.test(folder.pathname) ? folder : beside(folder, 'manifest.json');
      const text = manifest && (await smallText(net, manifest));
      r = text !== undefined && manifest ? fromManifest(manifest, text, o) : await folderAt(net, folder, nameOfFolder(folder), id, o);
    }
    return { id, ...r, total: total(r.files), request };
  } catch (e) {
    if (here && e instanceof GalagoError && e.cause instanceof Transient) return here;
    throw e;
  }
}

// ---- the demo model ----

async function demo(o: SourceOptions, node: NodeModules | undefined): Promise<Resolved> {
  // Put together at run time: a bundler that sees the expression in one piece looks for a file of this name.
  const models = 'models/';
  const base = o.demoUrl ? absolute(o.demoUrl) : new URL(models, import.meta.url);
  if (!base.pathname.endsWith('/')) base.pathname += '/';
  const at = new URL('demo.gguf', base);
  if (at.protocol !== 'file:') return fromUrl(at, { ...o, dtype: undefined, file: undefined, mmproj: o.mmproj ?? 'mmproj-demo.gguf' }, 'demo');
  if (!node) throw new GalagoError('argument', `demo: ${at.href} cannot be read by a page; give its address with {demoUrl}`);
  return filePath(node, node.url.fileURLToPath(at), 'demo', { ...o, dtype: undefined, file: undefined, mmproj: o.mmproj ?? 'mmproj-demo.gguf' });
}

function absolute(text: string): URL {
  try {
    return new URL(text, (globalThis as { location?: { href: string } }).location?.href);
  } catch (e) {
    throw new GalagoError('argument', `${text}: it is no address, no owner/name of a hub and no file here`, { cause: e });
  }
}

// ---- files of the user's choice ----

function isRecord(source: ModelSource): source is { files: Record<string, Blob | string | URL> } {
  return typeof source === 'object' && !Array.isArray(source) && !(source instanceof URL);
}

async function fromFiles(blobs: Map<string, Blob | string | URL>, o: SourceOptions): Promise<Resolved> {
  if (!blobs.size) throw new GalagoError('argument', 'the list of model files is empty');
  const net = netOf(o, o.baseUrl ? new URL(hubBase(o)).origin : undefined);
  const found = new Map<string, ModelFile>();
  for (const [path, from] of blobs) {
    if (from instanceof Blob) {
      found.set(path, { name: path, size: from.size, blob: from });
      continue;
    }
    const url = from instanceof URL ? from : absolute(from);
    if (url.protocol === 'blob:' || url.protocol === 'data:') {
      const blob = await net.fetch(url.href).then((r) => r.blob()).catch((e: unknown) => { throw networkError(path, e); });
      found.set(path, { name: path, size: blob.size, blob });
      continue;
    }
    const p = await probe(net, url.href).catch((e: unknown) => { throw networkError(`${path} at ${url.href}`, e); });
    if (!p) throw new GalagoError('network', `${path}: ${url.href} is not there (404)`);
    found.set(path, fileAt(url, path, p));
  }
  const paths = [...found.keys()];
  const config = paths.find((p) => baseName(p) === 'config.json');
  const folder = config?.includes('/') ? words(config.split('/').at(-2)!) : 'model';
  const r = pick({ where: 'the files given', paths, file: (path, name) => ({ ...found.get(path)!, name }) }, folder, o);
  return { id: r.main, ...r, total: total(r.files) };
}

async function fromChosen(list: (File | FileSystemFileHandle)[], o: SourceOptions): Promise<Resolved> {
  const blobs = new Map<string, Blob>();
  for (const item of list) {
    const file = item instanceof Blob ? item : await item.getFile().catch((e: unknown) => {
      throw new GalagoError('io', `${item.name}: it cannot be read (${e instanceof Error ? e.message : String(e)}); let the user choose it again`, { cause: e });
    });
    blobs.set((file as File).webkitRelativePath || (file as File).name || `file${blobs.size}`, file);
  }
  return fromFiles(blobs, o);
}

/** Names, sizes and addresses of a model's files. Asks servers, but downloads no weights. */
export async function resolve(source: ModelSource, o: SourceOptions = {}): Promise<Resolved> {
  if (o.signal?.aborted) throw abortError(o.signal);
  const node = await nodeModules();
  if (Array.isArray(source)) return fromChosen(source, o);
  if (isRecord(source)) return fromFiles(new Map(Object.entries(source.files)), o);
  if (typeof source === 'string') {
    if (source === 'demo') return demo(o, node);
    // Made in memory by the engine.
    if (source.startsWith('synthetic:')) return { id: source, format: 'gguf', main: source, files: [], total: 0 };
    const path = node && pathOf(node, source);
    if (node && path) {
      const info = node.fs.statSync(path);
      return info.isDirectory() ? folderFiles(node, path, o) : filePath(node, path, source, o);
    }
    const id = hubId(source, o);
    if (id) return fromHub(id, o, source);
  }
  const url = source instanceof URL ? source : absolute(source);
  if (url.protocol === 'file:' && node) return resolve(node.url.fileURLToPath(url), o);
  const address = o.baseUrl && hubBase(o) !== url.origin ? undefined : hubAddress(url);
  return address ? fromHub(address, o, url.href) : fromUrl(url, o);
}
