// Which store files are kept in, and how a file is named there.
import { GalagoError } from '../errors.js';
import { nodeModules, openFolder } from './folder.js';
import { memoryStore } from './memory.js';
import { openOpfs } from './opfs.js';
import { openCacheApi, openOpfsPieces } from './pieces.js';
import { sha256 } from './sha256.js';
import type { Store } from './store.js';
import type { SourceOptions, StorageKind } from './types.js';

const kinds: (StorageKind | 'auto')[] = ['auto', 'opfs', 'opfs-pieces', 'cache-api', 'memory', 'folder'];

let memory: Store | undefined;
const opened = new Map<string, Promise<Store>>();

async function opfsRoot(): Promise<FileSystemDirectoryHandle | undefined> {
  const storage = (globalThis.navigator as Navigator | undefined)?.storage as Partial<StorageManager> | undefined;
  // Refused in some private windows and in sandboxed frames.
  return storage?.getDirectory?.().then((root) => root.getDirectoryHandle('galago', { create: true })).catch(() => undefined);
}

async function open(kind: StorageKind | 'auto', cacheDir: string | undefined): Promise<Store> {
  const wants = (k: StorageKind): boolean => kind === k || kind === 'auto';
  const node = await nodeModules();
  if (node && wants('folder')) return openFolder(node, cacheDir ?? node.path.join(node.os.homedir(), '.cache', 'galago'));
  const File = (globalThis as { FileSystemFileHandle?: { prototype: object } }).FileSystemFileHandle?.prototype;
  // A page lists and removes what its workers keep: it takes the store that they have, though it could not fill or read it.
  const page = 'document' in globalThis;
  const reads = page || 'FileReaderSync' in globalThis;
  if (File && wants('opfs') && (page || 'createSyncAccessHandle' in File)) {
    const root = await opfsRoot();
    if (root) return openOpfs(root);
  }
  if (File && wants('opfs-pieces') && 'createWritable' in File && (reads || kind !== 'auto')) {
    const root = await opfsRoot();
    if (root) return openOpfsPieces(root);
  }
  if (wants('cache-api') && 'caches' in globalThis && (reads || kind !== 'auto')) {
    const store = await openCacheApi(caches).catch(() => undefined);
    if (store) return store;
  }
  if (wants('memory')) return (memory ??= memoryStore());
  throw new GalagoError('storage', `storage '${kind}' is not to be had here; leave the option out for the best there is`);
}

export function openStore(o: Pick<SourceOptions, 'storage' | 'cacheDir'>): Promise<Store> {
  const kind = o.storage ?? 'auto';
  if (!kinds.includes(kind)) throw new GalagoError('argument', `storage: '${kind}' is none of ${kinds.join(', ')}`);
  const key = `${kind} ${o.cacheDir ?? ''}`;
  let store = opened.get(key);
  if (!store) {
    store = open(kind, o.cacheDir);
    opened.set(key, store);
    store.catch(() => opened.delete(key));
  }
  return store;
}

/** Letters that every file system takes, at most `limit`. */
const plain = (text: string, limit: number): string => text.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[.-]+/, '').slice(0, limit) || 'file';

/** "folder/name" under which the file of an address is kept: readable, and different for every address. */
export function keyOf(url: string, name: string): string {
  const at = new URL(url);
  const folder = new URL('.', at);
  const base = plain(name.slice(name.lastIndexOf('/') + 1), 100);
  // The folder's address without the query names the folder, so that the parts of one model lie side by side; a query
  // is part of the file's address.
  const words = plain(folder.pathname.replace(/^\/|\/$/g, '').replace(/\/resolve\//, '-').replace(/\//g, '--') || folder.host, 80);
  const query = at.search ? `${sha256(new TextEncoder().encode(at.search)).slice(0, 8)}-` : '';
  return `${words}-${sha256(new TextEncoder().encode(folder.origin + folder.pathname)).slice(0, 8)}/${query}${base}`;
}
