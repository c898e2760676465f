// Where a model's files come from and how they are kept. Everything here runs in the worker.
export { resolve } from './resolve.js';
export { obtain } from './obtain.js';
export { cache } from './cache.js';
export { askPersist } from './space.js';
export type { CachedFile, CachedModel, FilePart, ModelFile, ModelSource, ProgressEvent, Resolved, SourceOptions, StorageKind, SyncReader } from './types.js';
