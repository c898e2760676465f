import { el } from '../dom.js';
import type { View } from '../router.js';

export function mount(root: HTMLElement): View {
  root.append(el('h1', { tabIndex: -1, 'data-t': 'nav.models' }));
  return {};
}
