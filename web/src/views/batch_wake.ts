// Keeps a phone's screen on while it works: a page that sleeps makes no answers.

const busy = new Set<object>();
/** A list or the camera is at work. */
export const isWorking = (): boolean => busy.size > 0;

/** The function returned is told whether there is work. */
export function keepAwake(): (working: boolean) => void {
  const me = {};
  let wanted = false, lock: WakeLockSentinel | null = null, asking = false;
  async function follow(): Promise<void> {
    if (asking) return;
    asking = true;
    try {
      if (wanted && !lock && document.visibilityState === 'visible') {
        lock = (await navigator.wakeLock?.request('screen')) ?? null;
        lock?.addEventListener('release', () => (lock = null));
      }
      if (!wanted) await lock?.release();
    } catch {
      // Refused to save the battery, say: the work goes on as long as the screen does.
    } finally {
      asking = false;
    }
    if (!wanted && lock) void follow();
  }
  // The browser lets go of the screen when the page is hidden.
  document.addEventListener('visibilitychange', () => wanted && void follow());
  return (working) => {
    wanted = working;
    if (working) busy.add(me);
    else busy.delete(me);
    void follow();
  };
}
