// How pictures come in: dropped and pasted anywhere on the page, chosen, taken. The page's other fields keep what is theirs.

import { filesOf } from './image_assistant_pictures.js';

export interface IntakeHost extends HTMLElement {
  readonly disabled: boolean;
}

/** Those on the page, in the order in which they came. */
const present = new Set<IntakeHost>();
const visible = (e: HTMLElement): boolean => e.getClientRects().length > 0;
/** The element whose the event is: the one it happened in, else the first that can be seen. */
function owner(event: Event): IntakeHost | undefined {
  const path = event.composedPath(), open = [...present].filter((e) => !e.disabled && visible(e));
  return open.find((e) => path.includes(e)) ?? open[0];
}
function editable(target: EventTarget | undefined): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}
const hasFiles = (data: DataTransfer | null): boolean => data?.types.includes('Files') ?? false;

/** Listens as long as `signal` is not aborted. */
export function listen(host: IntakeHost, on: { over(is: boolean): void; pictures(list: (File | string)[], how: 'dropped' | 'pasted'): void; escape(): boolean }, signal: AbortSignal): void {
  present.add(host);
  signal.addEventListener('abort', () => present.delete(host), { once: true });
  const inside = (event: Event): boolean => event.composedPath().includes(host);
  let leaving: ReturnType<typeof setTimeout> | undefined;

  // A file that is dropped beside the element would replace the page and all that was said.
  const drag = (event: DragEvent): void => {
    if (event.defaultPrevented || owner(event) !== host || !(hasFiles(event.dataTransfer) || inside(event))) return;
    event.preventDefault();
    if (event.dataTransfer) event.dataTransfer.dropEffect = 'copy';
    clearTimeout(leaving);
    on.over(true);
    // "dragleave" comes for every part inside too, and not at all when the drag is given up elsewhere; "dragover" comes all the time.
    leaving = setTimeout(() => on.over(false), 250);
  };
  addEventListener('dragenter', drag, { signal });
  addEventListener('dragover', drag, { signal });
  addEventListener('drop', (event) => {
    if (event.defaultPrevented || owner(event) !== host || !(hasFiles(event.dataTransfer) || inside(event))) return;
    event.preventDefault();
    clearTimeout(leaving);
    on.over(false);
    on.pictures(filesOf(event.dataTransfer), 'dropped');
  }, { signal });

  addEventListener('paste', (event) => {
    if (event.defaultPrevented || owner(event) !== host) return;
    const list = [...(event.clipboardData?.files ?? [])], target = event.composedPath()[0];
    // Text goes into fields as ever; another field's picture is not ours.
    if (list.length === 0 || (editable(target) && !inside(event))) return;
    event.preventDefault();
    on.pictures(list, 'pasted');
  }, { signal });

  addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || event.defaultPrevented || event.isComposing) return;
    const nowhere = event.target === document.body || event.target === document.documentElement;
    if ((inside(event) || (nowhere && owner(event) === host)) && on.escape()) event.preventDefault();
  }, { signal });
}
