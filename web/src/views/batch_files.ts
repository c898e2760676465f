// Pictures as people hand them over: chosen, dropped, pasted, single or in folders.

export interface Found {
  /** With the folders above it. */
  name: string;
  file: File;
  /** The folder it came in, where it can be read again after a reload. */
  folder?: FileSystemDirectoryHandle;
}
export interface Collected {
  found: Found[];
  /** Names of files that are no pictures. */
  left_out: string[];
}

/** The most that one list takes. */
export const MOST = 20_000;

const NAMES = /\.(jpe?g|jfif|png|webp|gif|bmp|avif|heic|heif)$/i;
/** What systems put into folders of pictures is not worth a word. */
const HIDDEN = /(^|\/)(\.|Thumbs\.db$|desktop\.ini$|__MACOSX\/)/i;

export const isPicture = (file: { name: string; type: string }): boolean =>
  file.type ? file.type.startsWith('image/') && !file.type.startsWith('image/svg') : NAMES.test(file.name);

const order = new Intl.Collator(undefined, { numeric: true });

/** Sorted by folder and name; numbers in names count as numbers. */
export function sort(files: readonly Found[]): Collected {
  const found: Found[] = [], left_out: string[] = [];
  for (const one of files) {
    if (isPicture({ name: one.name, type: one.file.type })) found.push(one);
    else if (!HIDDEN.test(one.name)) left_out.push(one.name);
  }
  return { found: found.sort((a, b) => order.compare(a.name, b.name)), left_out };
}

/** Of `<input type="file">`, also one of a folder. */
export const fromFiles = (files: Iterable<File>): Found[] => [...files].map((file) => ({ name: file.webkitRelativePath || file.name, file }));

const readable = (name: string): boolean => NAMES.test(name) && !HIDDEN.test(name);

/** All files below a folder; what are no pictures by their names is not opened. */
export async function fromFolder(folder: FileSystemDirectoryHandle, count?: (n: number) => void): Promise<Found[]> {
  const all: Found[] = [];
  async function walk(handle: FileSystemDirectoryHandle, path: string): Promise<void> {
    for await (const entry of handle.values()) {
      if (all.length > MOST) return;
      const name = `${path}/${entry.name}`;
      if (entry.kind === 'directory') await walk(entry as FileSystemDirectoryHandle, name);
      else if (readable(name)) all.push({ name, file: await (entry as FileSystemFileHandle).getFile(), folder });
      if (all.length % 50 === 0) count?.(all.length);
    }
  }
  await walk(folder, folder.name);
  return all;
}

async function fromEntry(entry: FileSystemEntry, all: Found[], path = ''): Promise<void> {
  if (all.length > MOST) return;
  const name = path + entry.name;
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    all.push({ name, file });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    // A hundred at a time; none is the end.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return;
    for (const one of some) await fromEntry(one, all, `${name}/`);
  }
}

type Handed = DataTransferItem & { getAsFileSystemHandle?(): Promise<FileSystemHandle | null> };

/** Of a drop or a paste. What the event holds is taken before this returns: later it is empty. */
export function fromTransfer(data: DataTransfer, count?: (n: number) => void): Promise<Found[]> {
  const items = ([...data.items] as Handed[]).filter((item) => item.kind === 'file');
  const taken = items.map((item) => {
    const entry = item.webkitGetAsEntry?.() ?? null, file = item.getAsFile();
    // A folder's handle can be kept, its files cannot be by themselves.
    const handle = entry?.isDirectory ? item.getAsFileSystemHandle?.().catch(() => null) : undefined;
    return { entry, file, handle };
  });
  const loose = items.length ? [] : fromFiles(data.files);
  return (async () => {
    const all = loose;
    for (const { entry, file, handle } of taken) {
      const folder = await handle;
      if (folder?.kind === 'directory') all.push(...(await fromFolder(folder as FileSystemDirectoryHandle, count)));
      else if (entry?.isDirectory) await fromEntry(entry, all);
      else if (file) all.push({ name: file.name, file });
    }
    return all;
  })();
}

/** The file of a path below a folder; the path begins with the folder's own name. */
export async function again(folder: FileSystemDirectoryHandle, path: string): Promise<File> {
  const [, ...parts] = path.split('/'), name = parts.pop() ?? '';
  let handle = folder;
  for (const part of parts) handle = await handle.getDirectoryHandle(part);
  return (await handle.getFileHandle(name)).getFile();
}
