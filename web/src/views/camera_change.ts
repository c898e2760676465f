// Whether the camera sees something else than before: a cheap look at two small grey pictures.

/** Pixels of the small pictures. */
export const LOOK = { width: 32, height: 24 } as const;
/** Of 256 greys: less is the camera's noise. */
const NOTICEABLE = 16;
/** Of all pixels: less is a flicker or an edge that trembles. */
const SHARE = 0.03;
/** The whole picture this much lighter or darker is a change too; less is the camera's exposure, which wanders by itself. */
const LIGHT = 48;

export function grey(rgba: Uint8ClampedArray): Uint8Array {
  const out = new Uint8Array(rgba.length / 4);
  for (let i = 0, at = 0; i < out.length; i++, at += 4) out[i] = (77 * rgba[at]! + 150 * rgba[at + 1]! + 29 * rgba[at + 2]!) >> 8;
  return out;
}

export function changed(before: Uint8Array | null, now: Uint8Array): boolean {
  if (!before || before.length !== now.length) return true;
  let sum = 0;
  for (let i = 0; i < now.length; i++) sum += now[i]! - before[i]!;
  const light = sum / now.length;
  if (Math.abs(light) >= LIGHT) return true;
  let differ = 0;
  for (let i = 0; i < now.length; i++) if (Math.abs(now[i]! - before[i]! - light) >= NOTICEABLE) differ++;
  return differ >= SHARE * now.length;
}
