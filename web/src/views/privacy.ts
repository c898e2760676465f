// What runs where, what is kept, and, live, what this page asks the network for.

import { announce, confirm, el, fill, toast } from '../dom.js';
import { explain } from '../errors.js';
import { bytes, date, number, t } from '../i18n.js';
import { network, type NetworkRequest } from '../network.js';
import type { View } from '../router.js';
import { BusyElsewhereError, removeEverything, usage } from '../stored.js';

/** Requests that the table shows. */
const SHOWN = 60;

interface Host {
  host: string;
  own: boolean;
  count: number;
  bytes: number;
}

/** Hosts with what was asked of them, the page's own first. */
function byHost(requests: readonly NetworkRequest[]): Host[] {
  const hosts = new Map<string, Host>();
  hosts.set(location.host, { host: location.host, own: true, count: 0, bytes: 0 });
  for (const r of requests) {
    const h = hosts.get(r.host) ?? { host: r.host, own: r.own, count: 0, bytes: 0 };
    h.count++;
    h.bytes += r.bytes;
    hosts.set(r.host, h);
  }
  return [...hosts.values()];
}

const points = (name: string, n: number): HTMLElement => el('ul', { class: 'points' }, Array.from({ length: n }, (_, i) => el('li', null, t(`privacy.${name}_${i + 1}`))));

export function mount(root: HTMLElement): View {
  let shown = false, waiting = false, each: HTMLElement;
  const hosts = el('tbody'), rows = el('tbody'), summary = el('p', { class: 'privacy-verdict' }), limits = el('p', { class: 'muted small privacy-limits' }), kept = el('p', { class: 'muted privacy-kept' });

  function live(): void {
    waiting = false;
    if (!shown) return;
    const { requests } = network, foreign = requests.some((r) => !r.own);
    summary.textContent = t(foreign ? 'privacy.verdict_model' : 'privacy.verdict_own');
    limits.textContent = t(network.complete ? 'privacy.complete' : 'privacy.incomplete');
    fill(hosts, byHost(requests).map((h) => el('tr', null,
      el('th', { scope: 'row' }, h.host, el('span', { class: 'muted small block' }, t(h.own ? 'privacy.host_own' : 'privacy.host_model'))),
      el('td', { class: 'num' }, number(h.count)),
      el('td', { class: 'num' }, bytes(h.bytes)))));
    each.hidden = requests.length === 0;
    fill(rows, requests.slice(-SHOWN).reverse().map((r) => el('tr', null,
      el('td', { class: 'privacy-time' }, date(r.at, { timeStyle: 'medium' })),
      el('td', { class: 'privacy-url' }, r.own ? new URL(r.url).pathname : r.url.replace(/\?.*$/, '')),
      el('td', null, t(`privacy.why_${r.why}`)),
      el('td', { class: 'num' }, r.bytes > 0 ? bytes(r.bytes) : ''))));
  }

  async function storage(): Promise<void> {
    try {
      const { used } = await usage();
      kept.textContent = t('privacy.used', { size: bytes(used) });
    } catch {
      kept.textContent = t('privacy.used_unknown');
    }
  }

  async function erase(): Promise<void> {
    if (!(await confirm(t('privacy.erase_title'), t('privacy.erase_text'), t('privacy.erase_yes'), { danger: true }))) return;
    try {
      await removeEverything();
      toast(t('privacy.erased'));
    } catch (e) {
      const text = e instanceof BusyElsewhereError ? t('models.busy_elsewhere') : explain(e).text;
      toast(text);
      announce(text, 'assertive');
    }
    await storage();
  }

  function draw(): void {
    const head = (...keys: string[]): HTMLElement => el('thead', null, el('tr', null, keys.map((k, i) => el('th', { scope: 'col', class: i && k !== 'why' && k !== 'what' ? 'num' : '' }, t(`privacy.col_${k}`)))));
    fill(root,
      el('h1', { tabIndex: -1 }, t('privacy.title')),
      el('p', { class: 'lead' }, t('privacy.lead')),
      el('div', { class: 'cards' },
        el('section', { class: 'card' }, el('h2', null, t('privacy.network')), summary,
          el('div', { class: 'table-wrap', tabIndex: 0, role: 'region', 'aria-label': t('privacy.network') },
            el('table', { class: 'hosts' }, head('host', 'count', 'bytes'), hosts)),
          limits,
          each = el('details', null, el('summary', null, t('privacy.each', { n: SHOWN })),
            el('div', { class: 'table-wrap', tabIndex: 0, role: 'region', 'aria-label': t('privacy.each', { n: SHOWN }) }, el('table', { class: 'small' }, head('at', 'what', 'why', 'bytes'), rows)))),
        el('section', { class: 'card' }, el('h2', null, t('privacy.where')), points('where', 4)),
        el('section', { class: 'card' }, el('h2', null, t('privacy.stored')), points('stored', 4), kept,
          el('div', { class: 'row' },
            el('a', { class: 'button', href: '#models' }, t('privacy.see_models')),
            el('button', { type: 'button', class: 'button danger', id: 'privacy-erase', onclick: () => void erase() }, t('privacy.erase'))))));
    live();
  }

  draw();
  document.addEventListener('languagechange', () => (draw(), void storage()));
  network.addEventListener('change', () => {
    if (waiting || !shown) return;
    waiting = true;
    setTimeout(live, 300);
  });
  return {
    show: () => {
      shown = true;
      live();
      void storage();
    },
    hide: () => (shown = false),
  } as View;
}
