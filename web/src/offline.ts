// The page without a network: registers the service worker, offers new versions, says quietly where nothing can be kept.
import { t } from './i18n.js';
import { toast } from './dom.js';
import type { FromWorker, ModelNews, ToWorker } from './sw/messages.js';

export type OfflineState =
  /** The browser has no service workers (private windows, some web views), or the page does not come over https. */
  | 'none'
  /** The files are on their way. */
  | 'fetching'
  /** The page works without a network. */
  | 'ready'
  /** There was no room for the files. */
  | 'full'
  /** They could not be fetched; the browser tries again at the next visit. */
  | 'failed';

class Offline extends EventTarget {
  state: OfflineState = 'none';
  /** A new version is here whole and waits. */
  update = false;

  /** @internal */
  set(state: OfflineState): void {
    this.state = state;
    this.dispatchEvent(new Event('change'));
  }
}

/** What can be said about use without a network; 'change' when that changed. */
export const offline = new Offline();

let registration: ServiceWorkerRegistration | undefined;
let reloads = false;

/** Takes the new version. False where other tabs still show the old one: the new one waits for them, so that no tab is
 * left with files of both. */
export async function takeUpdate(): Promise<boolean> {
  const waiting = registration?.waiting;
  if (!waiting) return false;
  const { port1, port2 } = new MessageChannel();
  const others = await new Promise<number>((resolve) => {
    port1.onmessage = (event) => resolve(event.data as number);
    reloads = true;
    waiting.postMessage({ galago: 'activate' } satisfies ToWorker, [port2]);
  });
  if (!others) return true;
  reloads = false;
  toast(t('offline.others', { n: others }), { seconds: 20 });
  return false;
}

/** Deletes the kept files and the service worker. Models in the package's store stay. */
export async function forgetOffline(): Promise<void> {
  await registration?.unregister();
  registration = undefined;
  if ('caches' in globalThis) await caches.delete('galago-page');
  offline.set('none');
}

function offer(): void {
  // The first version of all takes over by itself; there is nothing to choose.
  if (!registration?.waiting || !registration.active || offline.update) return;
  offline.update = true;
  offline.dispatchEvent(new Event('change'));
  toast(t('offline.new'), { action: t('offline.reload'), onaction: () => void takeUpdate(), seconds: 24 * 3600 });
}

function follow(worker: ServiceWorker | null): void {
  worker?.addEventListener('statechange', () => {
    if (worker.state === 'installed') offer();
    if (worker.state === 'activated') offline.set('ready');
    if (worker.state === 'redundant' && !registration?.active && offline.state === 'fetching') offline.set('failed');
  });
}

function onMessage({ data }: MessageEvent<FromWorker>): void {
  if (data?.galago !== 'not-kept') return;
  // With a version that works, or a model that is in use, there is nothing that a person would have to know now.
  if (data.what === 'page' && !registration?.active) {
    offline.set(data.full ? 'full' : 'failed');
    if (data.full) toast(t('offline.full'));
  }
}

/** Whether bytes cost: then only what the person asks for is fetched. */
function metered(): boolean {
  const connection = (navigator as { connection?: { saveData?: boolean; type?: string } }).connection;
  return connection?.saveData === true || connection?.type === 'cellular';
}

/** Tells the service worker what the package has stored, so that the demo model is kept once: see sw/model.ts. */
async function tellOfModel(): Promise<void> {
  const worker = registration?.active;
  if (!worker) return;
  const { cache } = await import('galago');
  const demo = (await cache.list().catch(() => [])).find((m) => m.id === 'demo');
  const recent = demo !== undefined && Date.now() - demo.used < 120_000;
  worker.postMessage({
    galago: 'model', stored: demo?.complete === true && demo.storage !== 'memory', busy: demo?.complete === false && recent,
    used: demo?.used ?? 0, since: performance.timeOrigin, spare: navigator.onLine && !metered(),
  } satisfies ModelNews);
}

/** Once, when the page stands. The page works the same where this fails. */
export async function registerOffline(): Promise<void> {
  const container = navigator.serviceWorker as ServiceWorkerContainer | undefined;
  if (!container || registration) return;
  container.addEventListener('message', onMessage);
  container.addEventListener('controllerchange', () => reloads && location.reload());
  try {
    registration = await container.register('./sw.js', { scope: './', updateViaCache: 'none' });
  } catch {
    return; // refused: a private window, a policy, no https
  }
  offline.set(registration.active ? 'ready' : 'fetching');
  registration.addEventListener('updatefound', () => follow(registration?.installing ?? null));
  follow(registration.installing);
  offer();
  // Not in the way of the first answer; and again when the person leaves, since by then the model may have been used.
  setTimeout(() => void tellOfModel().catch(() => undefined), 8000);
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'hidden') void tellOfModel().catch(() => undefined);
  });
  // A tab that stays open for days hears of new versions too.
  setInterval(() => void registration?.update().catch(() => undefined), 6 * 3600_000);
}
