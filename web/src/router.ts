// Views by the address's hash. Each is loaded and mounted when first shown, and kept.

import { announce, el, fill } from './dom.js';
import { t, translate } from './i18n.js';

export interface View {
  show?(): void;
  hide?(): void;
}
interface ViewModule {
  mount(root: HTMLElement): View;
}
interface Route {
  name: string;
  load(): Promise<ViewModule>;
  section: HTMLElement | null;
  view: View | null;
  scroll: number;
}

/** Views that a small screen shows in its bar; the others are behind "More". */
const FIRST = 4;
const routes = new Map<string, Route>();
let current: Route | null = null;
let serial = 0;

export function register(name: string, load: () => Promise<ViewModule>): void {
  routes.set(name, { name, load, section: null, view: null, scroll: 0 });
}

/** What the address names; views may put further words behind a slash: #models/owner/name. */
export function place(hash = location.hash): { name: string; rest: string } {
  const [, name = '', rest = ''] = /^#?([^/]*)\/?(.*)$/.exec(hash) ?? [];
  return { name: routes.has(name) ? name : 'ask', rest: decodeURIComponent(rest.replace(/%(?![0-9a-f]{2})/gi, '%25')) };
}

export function go(name: string): void {
  location.hash = name;
}

async function mount(route: Route, main: HTMLElement): Promise<void> {
  const section = el('section', { class: `view view-${route.name}`, hidden: true });
  const failed = section.cloneNode() as HTMLElement;
  try {
    const module = await route.load();
    if (route.section) return;
    main.append(section);
    route.view = module.mount(section);
    route.section = section;
  } catch (e) {
    section.remove();
    console.error(e);
    // The view is asked for again at the next visit: most often the network was away.
    fill(failed, el('h1', { tabIndex: -1 }, t('shell.view_failed')), el('p', null, t('shell.view_failed_text')),
      el('p', { class: 'muted small' }, e instanceof Error ? e.message : String(e)),
      el('button', { type: 'button', class: 'button primary', onclick: () => (failed.remove(), void show(false)) }, t('shell.again')));
    for (const old of main.querySelectorAll('.view-error')) old.remove();
    failed.classList.add('view-error');
    main.append(failed);
    failed.hidden = false;
    throw e;
  }
}

/** Shows the view of the address. */
async function show(first: boolean): Promise<void> {
  const main = document.getElementById('main')!, route = routes.get(place().name)!, mine = ++serial;
  mark(route.name);
  document.title = `${t(`nav.${route.name}`)} · Galago`;
  if (route === current) return void route.view?.show?.();
  if (current) {
    current.scroll = scrollY;
    current.view?.hide?.();
    if (current.section) current.section.hidden = true;
    current = null;
  }
  for (const old of main.querySelectorAll('.view-error')) old.remove();
  main.setAttribute('aria-busy', 'true');
  try {
    if (!route.section) await mount(route, main);
  } catch {
    main.removeAttribute('aria-busy');
    return;
  }
  // Another view was asked for while this one was loaded.
  if (mine !== serial) return;
  main.removeAttribute('aria-busy');
  current = route;
  route.section!.hidden = false;
  route.view!.show?.();
  if (first) return;
  scrollTo(0, route.scroll);
  const heading = route.section!.querySelector<HTMLElement>('h1');
  heading?.focus({ preventScroll: true });
  if (!heading) announce(t(`nav.${route.name}`));
}

function mark(name: string): void {
  for (const a of document.querySelectorAll<HTMLAnchorElement>('#nav a')) {
    if (a.hash === `#${name}`) a.setAttribute('aria-current', 'page');
    else a.removeAttribute('aria-current');
  }
  const more = document.querySelector('#nav .more');
  more?.classList.toggle('has-current', more.querySelector('[aria-current]') !== null);
  openMore(false);
}

function openMore(open: boolean): void {
  const button = document.querySelector<HTMLElement>('#nav .more > button');
  button?.setAttribute('aria-expanded', String(open));
  button?.parentElement?.classList.toggle('open', open);
}

function tab(name: string): HTMLElement {
  return el('li', null, el('a', { href: `#${name}`, class: `tab tab-${name}` }, el('span', { class: 'sign', 'aria-hidden': 'true' }), el('span', { 'data-t': `nav.${name}` })));
}

function bar(): void {
  const names = [...routes.keys()], later = names.slice(FIRST);
  const button = el('button', {
    type: 'button', class: 'tab tab-more', 'aria-expanded': 'false', 'aria-controls': 'nav-more',
    onclick: () => openMore(button.getAttribute('aria-expanded') !== 'true'),
  }, el('span', { class: 'sign', 'aria-hidden': 'true' }), el('span', { 'data-t': 'nav.more' }));
  const more = el('div', { class: 'more' }, button, el('ul', { id: 'nav-more' }, later.map(tab)));
  fill(document.getElementById('nav')!, el('ul', null, names.slice(0, FIRST).map(tab)), later.length > 0 && more);
  more.addEventListener('keydown', (e) => {
    if (e.key !== 'Escape' || button.getAttribute('aria-expanded') !== 'true') return;
    openMore(false);
    button.focus();
  });
  document.addEventListener('pointerdown', (e) => !more.contains(e.target as Node) && openMore(false));
  more.addEventListener('focusout', (e) => e.relatedTarget && !more.contains(e.relatedTarget as Node) && openMore(false));
}

/** Makes the bar of all registered views and shows the one of the address. */
export async function start(): Promise<void> {
  bar();
  addEventListener('hashchange', () => void show(false));
  document.addEventListener('languagechange', () => {
    translate();
    document.title = `${t(`nav.${place().name}`)} · Galago`;
  });
  // Its address is no view's.
  document.querySelector('.skip')?.addEventListener('click', (e) => {
    e.preventDefault();
    document.getElementById('main')!.focus();
  });
  await show(true);
}
