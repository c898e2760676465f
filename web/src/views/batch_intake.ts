// The ways in which pictures come into the batch view: chosen, a folder of them, dropped, pasted.
import { fromFiles, fromFolder, fromTransfer, type Found } from './batch_files.js';
import type { Parts } from './batch_parts.js';

type FolderPicker = (options: { mode: 'read'; id: string }) => Promise<FileSystemDirectoryHandle>;

const brings = (data: DataTransfer | null): data is DataTransfer => data !== null && [...data.types].includes('Files');

/** Calls `add` with what comes. The function returned is told whether the view is shown: only then drops and pastes are its own. */
export function listen({ files, folder, choose, chooseFolder, drop }: Parts, add: (collecting: Promise<Found[]>) => void): (shown: boolean) => void {
  for (const input of [files, folder]) {
    input.addEventListener('change', () => {
      const chosen = fromFiles(input.files ?? []);
      input.value = '';
      if (chosen.length) add(Promise.resolve(chosen));
    });
  }
  choose.addEventListener('click', () => files.click());
  chooseFolder.addEventListener('click', async () => {
    const { showDirectoryPicker } = globalThis as { showDirectoryPicker?: FolderPicker };
    if (!showDirectoryPicker) return folder.click();
    try {
      add(fromFolder(await showDirectoryPicker({ mode: 'read', id: 'galago-batch' })));
    } catch (e) {
      // Else the person closed the dialog.
      if ((e as Error).name !== 'AbortError') folder.click();
    }
  });
  const take = (e: Event, data: DataTransfer | null): void => {
    if (!brings(data)) return;
    e.preventDefault();
    add(fromTransfer(data));
  };
  const listeners = {
    dragover(e: DragEvent): void {
      if (!brings(e.dataTransfer)) return;
      e.preventDefault();
      drop.classList.add('over');
    },
    dragleave(e: DragEvent): void {
      if (e.relatedTarget === null) drop.classList.remove('over');
    },
    drop(e: DragEvent): void {
      drop.classList.remove('over');
      take(e, e.dataTransfer);
    },
    paste(e: ClipboardEvent): void {
      take(e, e.clipboardData);
    },
  };
  return (shown) => {
    for (const [name, listener] of Object.entries(listeners)) document[shown ? 'addEventListener' : 'removeEventListener'](name, listener as EventListener);
  };
}
