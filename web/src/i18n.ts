// Texts, numbers, sizes and times in the person's language. English is in the code; other languages are fetched when chosen.

import english from '../texts/en.json';

export type Language = 'en' | 'de';
export const languages: Record<Language, string> = { en: 'English', de: 'Deutsch' };
type Texts = Record<string, string>;
/** From the build: the names of the files in texts/. Each is a list in the order of English, null where a text is missing. */
declare const TEXTS: Partial<Record<Language, string>>;

let texts: Texts = english;
let language: Language = 'en';
const missed = new Set<string>();

function lookUp(key: string): string | undefined {
  const found = texts[key];
  if (found !== undefined) return found;
  const fallback = (english as Texts)[key];
  if (fallback !== undefined && texts !== english && !missed.has(key)) {
    missed.add(key);
    console.warn(`texts/${language}.json has no "${key}"; the English text is shown`);
  }
  return fallback;
}

/** The text of a key with {names} replaced; numbers are written as the language writes them. With a value `n` the key may have
 * forms for plurals: key.one, key.other (those of Intl.PluralRules). */
export function t(key: string, values: Record<string, string | number> = {}): string {
  const rule = typeof values.n === 'number' ? new Intl.PluralRules(language).select(values.n) : 'other';
  const text = lookUp(key) ?? (typeof values.n === 'number' ? lookUp(`${key}.${rule}`) ?? lookUp(`${key}.other`) : undefined);
  if (text === undefined) {
    if (!missed.has(key)) console.warn(`there is no text "${key}"`);
    missed.add(key);
    return key;
  }
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    return value === undefined ? whole : typeof value === 'number' ? number(value) : value;
  });
}

export function number(n: number, options: Intl.NumberFormatOptions = { maximumFractionDigits: 1 }): string {
  return new Intl.NumberFormat(language, options).format(n);
}

/** "312 MB", "1.6 GB": decimal units, as download sizes are told everywhere. */
export function bytes(n: number): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'];
  let value = Math.max(0, n), i = 0;
  while (value >= 999.5 && i < units.length - 1) {
    value /= 1000;
    i++;
  }
  return number(value, { style: 'unit', unit: units[i], unitDisplay: 'short', maximumFractionDigits: i > 0 && value < 10 ? 1 : 0 });
}

/** "0.4 s", "12 s", "3 min", "1 h 20 min", and "0.1 s" for whatever took less: the signs of these units are the same in all languages
 * that there are texts for. */
export function seconds(s: number): string {
  const unit = (value: number, sign: string, digits = 0): string => `${number(value, { maximumFractionDigits: digits })}\u202f${sign}`;
  if (s < 10) return unit(s > 0 ? Math.max(0.1, s) : s, 's', 1);
  if (s < 90) return unit(Math.round(s), 's');
  const minutes = Math.round(s / 60);
  if (minutes < 60) return unit(minutes, 'min');
  return minutes % 60 ? `${unit(Math.floor(minutes / 60), 'h')} ${unit(minutes % 60, 'min')}` : unit(minutes / 60, 'h');
}

export function date(at: number | Date, options: Intl.DateTimeFormatOptions = { dateStyle: 'medium', timeStyle: 'short' }): string {
  return new Intl.DateTimeFormat(language, options).format(at);
}

export function currentLanguage(): Language {
  return language;
}

/** Sets the texts of elements that name them, in `root` and below. */
export function translate(root: ParentNode = document): void {
  for (const e of root.querySelectorAll<HTMLElement>('[data-t]')) e.textContent = t(e.dataset.t!);
  for (const e of root.querySelectorAll<HTMLElement>('[data-t-label]')) e.setAttribute('aria-label', t(e.dataset.tLabel!));
  for (const e of root.querySelectorAll<HTMLElement>('[data-t-title]')) e.title = t(e.dataset.tTitle!);
}

const known = (tag: string): Language | undefined => (Object.keys(languages) as Language[]).find((l) => tag.toLowerCase().split('-')[0] === l);

/** The browser's first language that there are texts for. */
export function preferred(wanted: readonly string[] = navigator.languages): Language {
  for (const tag of wanted) {
    const found = known(tag);
    if (found) return found;
  }
  return 'en';
}

/** Changes the language of the page; '' is the browser's. Where the texts cannot be fetched, English stays. */
export async function useLanguage(wanted: string): Promise<void> {
  const next = known(wanted) ?? preferred();
  let fetched: Texts = english;
  if (next !== 'en') {
    try {
      const response = await fetch(`./texts/${TEXTS[next]}.json`);
      if (!response.ok) throw new Error(`the server answered ${response.status}`);
      const list = (await response.json()) as (string | null)[];
      fetched = Object.fromEntries(Object.keys(english).flatMap((key, i) => (list[i] ? [[key, list[i]]] : [])));
    } catch (e) {
      console.warn(`texts/${next}.json could not be fetched: ${e instanceof Error ? e.message : String(e)}`);
      return;
    }
  }
  texts = fetched;
  language = next;
  missed.clear();
  document.documentElement.lang = next;
  document.documentElement.dir = new URLSearchParams(location.search).get('dir') === 'rtl' ? 'rtl' : 'ltr';
  translate();
  document.dispatchEvent(new Event('languagechange'));
}
