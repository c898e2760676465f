// Failures in plain words: what happened and what to do. The package's own message stays at hand as a detail.

import { t } from './i18n.js';

export interface Explained {
  text: string;
  /** In English, with names and numbers. */
  detail: string;
}

/** Which of the texts error.* fits. */
export function kindOf(error: unknown, online = typeof navigator === 'undefined' || navigator.onLine): string {
  const { code, name, message = '' } = (error ?? {}) as { code?: string; name?: string; message?: string };
  if (name === 'NotReadyError') return 'own';
  if (name === 'AbortError' || code === 'cancelled') return 'stopped';
  if (code === 'network') {
    if (!online) return 'offline';
    if (/\b401\b|\b403\b/.test(message)) return 'token';
    if (/\b404\b|is not there|neither manifest/.test(message)) return 'not_found';
    if (/damaged|changed on the server/.test(message)) return 'damaged';
    return 'network';
  }
  if (code === 'storage') return /no room|are free/.test(message) ? 'full' : 'storage';
  if (code === 'unsupported' && message.startsWith('The GPU was asked for')) return 'no_gpu';
  // The engine's own faults and the page's own are told alike: there is nothing that the person could change.
  if (code === 'memory' || code === 'format' || code === 'unsupported' || code === 'io' || code === 'device_lost' || code === 'argument') return code;
  return 'internal';
}

export function explain(error: unknown): Explained {
  const kind = kindOf(error), detail = error instanceof Error ? error.message : String(error);
  return kind === 'own' ? { text: detail, detail: '' } : { text: t(`error.${kind}`), detail };
}
