// Where lists of pictures are kept on this device: IndexedDB, rows apart from the pictures themselves, which are read one at a time.
import type { Row } from './batch_queue.js';

/** What is known of a list beside its rows. */
export interface ListRecord {
  id: string;
  /** The person pressed Save: it stays until the person deletes it. Else it goes when its tab is gone. */
  saved: boolean;
  name: string;
  updated: number;
  count: number;
  done: number;
  /** Which question was chosen, and the person's own. */
  preset: string;
  question: string;
  /** Folders that pictures are read from again. */
  folders: Record<number, FileSystemDirectoryHandle>;
}

export interface Writing {
  rows?: readonly Row[];
  files?: readonly (readonly [number, Blob])[];
  gone?: readonly number[];
}

export interface BatchStore {
  lists(): Promise<ListRecord[]>;
  list(id: string): Promise<ListRecord | undefined>;
  putList(record: ListRecord): Promise<void>;
  rows(id: string): Promise<Row[]>;
  file(id: string, row: number): Promise<Blob | undefined>;
  /** All of it or nothing. */
  write(id: string, writing: Writing): Promise<void>;
  drop(id: string): Promise<void>;
}

const result = <T>(request: IDBRequest<T>): Promise<T> => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error!);
});
const finished = (transaction: IDBTransaction): Promise<void> => new Promise((resolve, reject) => {
  transaction.oncomplete = () => resolve();
  // Every error ends in an abort; only then does the transaction know its error.
  transaction.onabort = () => reject(transaction.error ?? new DOMException('The storage refused.', 'UnknownError'));
});
/** A picture where the storage takes no Blob. */
interface Bytes {
  bytes: ArrayBuffer;
  type: string;
}
const toBytes = async (blob: Blob): Promise<Bytes> => ({ bytes: await blob.arrayBuffer(), type: blob.type });

/** All keys [id, number]. */
const of = (id: string): IDBKeyRange => IDBKeyRange.bound([id, -Infinity], [id, Infinity]);

function open(name: string): Promise<IDBDatabase> {
  const request = indexedDB.open(name, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore('lists', { keyPath: 'id' });
    request.result.createObjectStore('rows');
    request.result.createObjectStore('files');
  };
  return result(request);
}

/** The lists of this page. Nothing is made in the storage before the first call. */
export function batchStore(name = 'galago-batch'): BatchStore {
  let opened: Promise<IDBDatabase> | null = null;
  let blobs: Promise<boolean> | null = null;
  async function transaction(stores: string[], mode: IDBTransactionMode): Promise<IDBTransaction> {
    opened ??= open(name).then((database) => {
      // Another tab wants a newer form, or the person cleared the site's data: the next call opens it anew.
      database.onversionchange = () => {
        opened = null;
        database.close();
      };
      database.onclose = () => (opened = null);
      return database;
    });
    try {
      return (await opened).transaction(stores, mode);
    } catch (error) {
      opened = null;
      throw error;
    }
  }
  /** Private windows of WebKit store bytes, but no Blobs; a transaction with a refused Blob among others may never end there, so it is
   * tried by itself. */
  function takesBlobs(): Promise<boolean> {
    blobs ??= transaction(['files'], 'readwrite').then((work) => {
      const end = finished(work), files = work.objectStore('files'), key = ['', 0];
      files.put(new Blob(['x']), key).onsuccess = () => files.delete(key);
      return end.then(() => true, () => false);
    });
    blobs.catch(() => (blobs = null));
    return blobs;
  }
  return {
    lists: async () => result((await transaction(['lists'], 'readonly')).objectStore('lists').getAll()),
    list: async (id) => result((await transaction(['lists'], 'readonly')).objectStore('lists').get(id)),
    async putList(record) {
      const work = await transaction(['lists'], 'readwrite');
      work.objectStore('lists').put(record);
      await finished(work);
    },
    rows: async (id) => result((await transaction(['rows'], 'readonly')).objectStore('rows').getAll(of(id))),
    async file(id, row) {
      const found = await result<Blob | Bytes | undefined>((await transaction(['files'], 'readonly')).objectStore('files').get([id, row]));
      return found && !(found instanceof Blob) ? new Blob([found.bytes], { type: found.type }) : found;
    },
    async write(id, { rows = [], files = [], gone = [] }) {
      const kept = files.length && !(await takesBlobs()) ? await Promise.all(files.map(async ([row, blob]) => [row, await toBytes(blob)] as const)) : files;
      const work = await transaction(['rows', 'files'], 'readwrite'), end = finished(work);
      const rowStore = work.objectStore('rows'), fileStore = work.objectStore('files');
      try {
        for (const row of rows) rowStore.put(row, [id, row.id]);
        for (const [row, picture] of kept) fileStore.put(picture, [id, row]);
        for (const row of gone) {
          rowStore.delete([id, row]);
          fileStore.delete([id, row]);
        }
      } catch (error) {
        end.catch(() => undefined);
        work.abort();
        throw error;
      }
      // A page that is being left does not get to the moment at which transactions end by themselves.
      work.commit?.();
      await end;
    },
    async drop(id) {
      const work = await transaction(['lists', 'rows', 'files'], 'readwrite');
      work.objectStore('lists').delete(id);
      work.objectStore('rows').delete(of(id));
      work.objectStore('files').delete(of(id));
      await finished(work);
    },
  };
}
