// Speed and time left of a download, from what has arrived lately.

export interface Progress {
  loaded: number;
  total: number;
  /** 0 while unknown. */
  bytes_per_s: number;
  /** Infinity while unknown. */
  seconds_left: number;
}

/** What has arrived within so many milliseconds tells the speed: long enough to be calm, short enough to follow. */
const WINDOW_MS = 8000;
const LEAST_MS = 1000;

export class Estimator {
  private seen: { at: number; loaded: number }[] = [];

  /** `loaded` of `total` bytes are here at `at` (milliseconds). */
  note(loaded: number, total: number, at = performance.now()): Progress {
    const last = this.seen.at(-1);
    // Fewer than before: a file was found damaged and begins anew.
    if (last && loaded < last.loaded) this.seen = [];
    this.seen.push({ at, loaded });
    while (this.seen.length > 2 && at - this.seen[1]!.at >= WINDOW_MS) this.seen.shift();
    const first = this.seen[0]!, ms = at - first.at;
    const bytes_per_s = ms >= LEAST_MS ? ((loaded - first.loaded) / ms) * 1000 : 0;
    const left = Math.max(0, total - loaded);
    return { loaded, total, bytes_per_s, seconds_left: left === 0 ? 0 : bytes_per_s > 0 ? left / bytes_per_s : Infinity };
  }
}
