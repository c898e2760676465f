// The page: texts, theme, the views and what is around them.

// First, so that no request is missed.
import './network.js';
import { t, useLanguage } from './i18n.js';
import { register, start } from './router.js';
import { settings } from './settings.js';
import { showChip } from './chip.js';
import { toast } from './dom.js';
import { model } from './model.js';

register('ask', () => import('./views/ask.js'));
register('batch', () => import('./views/batch.js'));
register('camera', () => import('./views/camera.js'));
register('models', () => import('./views/models.js'));
register('settings', () => import('./views/settings.js'));
register('benchmark', () => import('./views/benchmark.js'));
register('privacy', () => import('./views/privacy.js'));

function useTheme(theme: string): void {
  const { dataset } = document.documentElement;
  if (theme === 'system') delete dataset.theme;
  else dataset.theme = theme;
  // The bars of the browser take the theme's colour too.
  for (const meta of document.querySelectorAll<HTMLMetaElement>('meta[name="theme-color"]')) {
    const own = meta.media.includes('dark') ? 'dark' : 'light';
    meta.content = (theme === 'system' ? own : theme) === 'dark' ? '#16181b' : '#f7f6f3';
  }
}

settings.onchange((now, before) => {
  if (now.theme !== before.theme) useTheme(now.theme);
  if (now.language !== before.language) void useLanguage(now.language);
});

/** The browser's own invitation, kept until the person asks for it. */
function offerInstall(): void {
  const button = document.getElementById('install') as HTMLButtonElement;
  let invitation: (Event & { prompt?(): Promise<unknown> }) | null = null;
  addEventListener('beforeinstallprompt', (e) => {
    e.preventDefault();
    invitation = e;
    button.hidden = false;
  });
  addEventListener('appinstalled', () => (button.hidden = true));
  button.addEventListener('click', () => {
    button.hidden = true;
    void invitation?.prompt?.();
  });
}

/** A file that misses the place it was meant for would replace the page, and all that is in it. */
function keepFilesOut(e: DragEvent): void {
  if (e.defaultPrevented || !e.dataTransfer?.types.includes('Files')) return;
  e.preventDefault();
  e.dataTransfer.dropEffect = 'none';
}
for (const type of ['dragover', 'drop'] as const) {
  // Put behind all others that listen to the window: what they take is theirs.
  addEventListener(type, () => {
    removeEventListener(type, keepFilesOut);
    addEventListener(type, keepFilesOut);
  }, true);
}

model.addEventListener('notice', (e) => {
  const { device } = (e as CustomEvent<{ device?: { type: 'gpu' | 'cpu' } }>).detail;
  if (device) toast(t(`model.notice_${device.type}`));
});

useTheme(settings.get().theme);
await useLanguage(settings.get().language);
showChip();
await start();
offerInstall();
void import('./offline.js').then(({ registerOffline }) => registerOffline());
