// Models: the one in use, another from a hub or from files, and what is stored.

import { el, fill } from '../dom.js';
import { t } from '../i18n.js';
import { place, type View } from '../router.js';
import { currentCard } from './models_current.js';
import { filesForm, hubForm, Looker } from './models_sources.js';
import { storedCard } from './models_stored.js';

export function mount(root: HTMLElement): View {
  const stored = storedCard(), refresh = (): void => void stored.update();
  const current = currentCard(refresh), plan = el('div', { class: 'card plan', hidden: true });
  const looker = new Looker(plan, () => {
    const heading = current.element.querySelector('h2')!;
    current.element.scrollIntoView({ block: 'center' });
    heading.focus({ preventScroll: true });
  });
  const wanted = (): string => {
    const { name, rest } = place();
    return name === 'models' ? rest : '';
  };

  function draw(): void {
    const id = root.querySelector<HTMLInputElement>('#models-id')?.value ?? wanted();
    fill(root,
      el('h1', { tabIndex: -1 }, t('models.title')),
      el('p', { class: 'lead' }, t('models.lead')),
      el('div', { class: 'cards' },
        current.element,
        el('section', { class: 'card', 'aria-labelledby': 'models-other' },
          el('h2', { id: 'models-other' }, t('models.another')),
          el('div', { class: 'sources' },
            el('div', null, el('h3', null, t('models.from_hub')), hubForm(looker, id)),
            el('div', null, el('h3', null, t('models.from_files')), filesForm(looker)))),
        plan,
        stored.element));
    current.update();
    refresh();
  }

  draw();
  document.addEventListener('languagechange', () => {
    looker.clear();
    draw();
  });
  return {
    show: () => {
      const id = wanted(), field = root.querySelector<HTMLInputElement>('#models-id')!;
      if (id) field.value = id;
      current.update();
      refresh();
    },
  };
}
