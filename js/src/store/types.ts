// What the rest of the package sees of the store: where a model's files come from, what is fetched and how it is read.

/** Random access to a complete file. Synchronous, because the engine's reads are. */
export interface SyncReader {
  readonly size: number;
  /** Fills `into` with the bytes from `offset`; throws a GalagoError ('io') where the file ends before. */
  read(offset: number, into: Uint8Array): void;
  close(): void;
}

/** A stretch of a file that is fetched from an address of its own. Parts follow one another without gaps. */
export interface FilePart {
  url: string;
  size: number;
  /** Hex; absent where nobody states it. */
  sha256?: string;
}

export interface ModelFile {
  /** As the engine opens it: "demo.gguf", or "folder/config.json" for a Hugging Face folder. */
  name: string;
  /** Bytes; -1 where no server tells before the download. */
  size: number;
  sha256?: string;
  /** Where it is fetched from. Absent for files that are already here. */
  url?: string;
  /** The file in parts, in order, in the place of `url`. */
  parts?: FilePart[];
  /** ETag, or else Last-Modified, as seen while resolving: a stored copy of another one is out of date. */
  version?: string;
  /** The address under which it is kept, where `url` names one version (a commit) of it. */
  keptAs?: string;
  /** A file that the user chose. */
  blob?: Blob;
  /** A file on this machine's disk (Node.js). */
  path?: string;
}

export interface Resolved {
  /** What `cache.list()` shows and `cache.remove()` takes: "demo", "owner/name", "owner/name@revision" or an address. */
  id: string;
  format: 'gguf' | 'hf';
  /** Name to open: a GGUF file, or the folder of a Hugging Face model. */
  main: string;
  /** Name of the vision part of a GGUF pair. */
  mmproj?: string;
  files: ModelFile[];
  /** Bytes of all files whose size is known. */
  total: number;
  /** What was asked for, in full: finds the same answer in the store without a network. */
  request?: string;
}

export type StorageKind = 'opfs' | 'opfs-pieces' | 'cache-api' | 'memory' | 'folder';

export interface SourceOptions {
  /** The hub's address; default https://huggingface.co. */
  baseUrl?: string;
  /** Sent as a bearer token to the hub's (or the plain address's) own origin alone. */
  token?: string;
  /** Branch, tag or commit of a hub repository; default "main". `owner/name@revision` says the same. */
  revision?: string;
  fetch?: typeof fetch;
  signal?: AbortSignal;
  /** Which file of a repository or folder: the path of a GGUF or .safetensors file in it. */
  file?: string;
  /** Which vision part: its path in the repository, its address, or '' for none. Default: found by its name. */
  mmproj?: string;
  /** Chooses among GGUF files: "q4_0", "q8_0", "q4_k_m", "f16", ...; "q4", "q8", "fp16" and "fp32" are understood. */
  dtype?: string;
  /** Asks no network at all: what is not stored is an error. */
  local?: boolean;
  /** Asks the hub although a complete copy is stored, and fetches what has changed. */
  refresh?: boolean;
  /** Folder in which the demo model's files lie; default: `models/` beside this module. */
  demoUrl?: string;
  /** Where files are kept; default: the best that there is. 'memory' keeps nothing. */
  storage?: 'auto' | StorageKind;
  /** Node.js: the folder of the store; default ~/.cache/galago. */
  cacheDir?: string;
  /** Requests under way at once, 1 to 16; default 4. */
  connections?: number;
  /** Bytes that one request asks for; default 8 MiB. */
  pieceSize?: number;
  /** Milliseconds without a byte after which a request is given up and repeated; default 30,000. */
  stallTimeout?: number;
  /** Failures in a row, without a byte between them, after which a download is given up; default 6. */
  retries?: number;
  /** Milliseconds before the first repetition, doubled for each further one; default 500. */
  retryDelay?: number;
}

/** A user's choice of files: names as the engine opens them; a folder's files without the folder. */
export type ModelSource = string | URL | File[] | FileSystemFileHandle[] | { files: Record<string, Blob | string | URL> };

/** The progress events of Transformers.js, at most about ten a second for each file. */
export type ProgressEvent =
  | { status: 'initiate'; name: string; file: string; storage: StorageKind | 'none' }
  | { status: 'download'; name: string; file: string }
  | { status: 'progress'; name: string; file: string; progress: number; loaded: number; total: number }
  | { status: 'progress_total'; name: string; progress: number; loaded: number; total: number; files: Record<string, { loaded: number; total: number }> }
  | { status: 'done'; name: string; file: string };

export interface CachedFile {
  name: string;
  /** Bytes when complete; -1 where not yet known. */
  size: number;
  /** Bytes that are here. */
  loaded: number;
  complete: boolean;
}

export interface CachedModel {
  id: string;
  files: CachedFile[];
  size: number;
  loaded: number;
  complete: boolean;
  storage: StorageKind;
  /** Milliseconds since 1970 of the latest use. */
  used: number;
}
