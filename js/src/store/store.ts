// The seam between downloading and the places that keep files: OPFS, the Cache API, memory, a folder. A store keeps
// small records, which are written whole or not at all, and data, which is only believed as far as a record says so.
import type { Ranges } from './ranges.js';
import type { StorageKind, SyncReader } from './types.js';

export interface Records {
  get(key: string): Promise<unknown>;
  /** Atomic: after a crash the old or the new value is there. */
  put(key: string, value: unknown): Promise<void>;
  delete(key: string): Promise<void>;
  keys(): Promise<string[]>;
}

/** A file on its way in. One owner at a time. */
export interface Part {
  /** What is here, kept up to date by write() and forget(). */
  readonly ranges: Ranges;
  /** Takes bytes; they may be held until the next checkpoint. The array belongs to the part from here on. */
  write(offset: number, bytes: Uint8Array): void | Promise<void>;
  /** Brings what was written so far to the store, little amounts only when `everything` is to go; returns the ranges that
   * a record may name. */
  checkpoint(everything: boolean): Promise<Ranges>;
  /** Bytes written before, whether or not they have reached the store. */
  read(offset: number, length: number): Uint8Array | Promise<Uint8Array>;
  forget(start: number, end: number): Promise<void>;
  /** Ends writing with a file of `size` bytes, all of them in `ranges`; the record that makes it complete comes after. */
  finish(size: number): Promise<void>;
  /** Lets go of the file; what is in the store stays. */
  close(): Promise<void>;
}

export interface Store {
  readonly kind: StorageKind;
  readonly records: Records;
  /** `ranges` is what the record says; the part keeps what of it is really there. `size` -1: not yet known.
   * Undefined when another tab or process is writing this file. */
  openPart(key: string, size: number, ranges: Ranges): Promise<Part | undefined>;
  /** Whether a finished file of this size lies there. */
  has(key: string, size: number): Promise<boolean>;
  open(key: string, name: string, size: number): Promise<SyncReader>;
  /** Removes finished and unfinished data. */
  remove(key: string): Promise<void>;
  /** Removes everything, known or not. */
  clear(): Promise<void>;
  /** Bytes that may still be written, and whether files may be thrown away by the browser; undefined where unknown. */
  space(): Promise<{ used: number; quota: number; persisted: boolean } | undefined>;
  /** Runs `work` while no other tab or process runs it for the same key; undefined at once when one does. */
  exclusive<T>(key: string, work: () => Promise<T>): Promise<T | undefined>;
}

/** One file of a model, complete or not. */
export interface FileRecord {
  v: 1;
  name: string;
  /** Address or, for parts, of the first part. */
  url: string;
  /** -1 while unknown. */
  size: number;
  sha256?: string;
  /** As resolved (see ModelFile.version) and as the answers of the download said. */
  version?: string;
  etag?: string;
  ranges: Ranges;
  /** Written last. Nothing else makes a file whole. */
  complete: boolean;
}
