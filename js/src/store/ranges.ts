// A set of byte positions as sorted, disjoint half-open ranges [start, end, start, end, ...]: what of a file is here.

export type Ranges = number[];

/** Adds [start, end) in place, merging with what it touches. */
export function addRange(r: Ranges, start: number, end: number): void {
  if (end <= start) return;
  let i = 0;
  while (i < r.length && r[i + 1]! < start) i += 2;
  let j = i;
  while (j < r.length && r[j]! <= end) {
    start = Math.min(start, r[j]!);
    end = Math.max(end, r[j + 1]!);
    j += 2;
  }
  r.splice(i, j - i, start, end);
}

/** Takes [start, end) out in place. */
export function removeRange(r: Ranges, start: number, end: number): void {
  if (end <= start) return;
  const rest = [...r];
  r.length = 0;
  for (let i = 0; i < rest.length; i += 2) {
    addRange(r, rest[i]!, Math.min(rest[i + 1]!, start));
    addRange(r, Math.max(rest[i]!, end), rest[i + 1]!);
  }
}

/** Bytes in the set. */
export function rangesSize(r: Ranges): number {
  let n = 0;
  for (let i = 0; i < r.length; i += 2) n += r[i + 1]! - r[i]!;
  return n;
}

/** End of the stretch without a gap that begins at `start`; `start` itself where that byte is missing. */
export function endOfRange(r: Ranges, start: number): number {
  for (let i = 0; i < r.length && r[i]! <= start; i += 2) if (start < r[i + 1]!) return r[i + 1]!;
  return start;
}

/** What of [0, size) is missing. */
export function missingRanges(r: Ranges, size: number): Ranges {
  const out: Ranges = [];
  let at = 0;
  for (let i = 0; i < r.length && r[i]! < size; i += 2) {
    if (r[i]! > at) out.push(at, r[i]!);
    at = r[i + 1]!;
  }
  if (at < size) out.push(at, size);
  return out;
}

/** True for a list as this file makes them, within [0, size): records come from a disk that others write to. */
export function rangesAreSound(r: unknown, size: number): r is Ranges {
  if (!Array.isArray(r) || r.length % 2) return false;
  let last = -1;
  for (let i = 0; i < r.length; i += 2) {
    const a: unknown = r[i], b: unknown = r[i + 1];
    if (!Number.isSafeInteger(a) || !Number.isSafeInteger(b) || (a as number) <= last || (b as number) <= (a as number)) return false;
    last = b as number;
  }
  return last <= size;
}
