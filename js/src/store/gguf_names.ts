// What the names of GGUF files say: which of a repository's files is asked for, and which vision part belongs to it. The
// vision part is chosen as the native program chooses it among files of a folder (src/weights/gguf_read.c).
import { GalagoError } from '../errors.js';

export const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
const isGguf = (path: string): boolean => /\.gguf$/i.test(path);
export const isVision = (path: string): boolean => isGguf(path) && /mmproj/i.test(baseName(path));

/** Files that hold weights of the text part: no vision part, no separate prediction layer, no importance matrix, and of
 * a split file the first part alone. */
export function isText(path: string): boolean {
  const name = baseName(path);
  if (!isGguf(path) || isVision(path) || /^mtp-|imatrix/i.test(name)) return false;
  const m = /-(\d{5})-of-\d{5}\.gguf$/i.exec(name);
  return !m || Number(m[1]) === 1;
}

/** All parts of a split file, in order; the file itself where it is none. */
export function splitParts(path: string): string[] {
  const m = /^(.*)-00001-of-(\d{5})(\.gguf)$/i.exec(path);
  if (!m) return [path];
  const count = Math.min(Number(m[2]), 1000);
  return Array.from({ length: count }, (_, i) => `${m[1]}-${String(i + 1).padStart(5, '0')}-of-${m[2]}${m[3]}`);
}

const stemOf = (path: string): string => baseName(path).replace(/-00001-of-\d{5}(?=\.gguf$)/i, '').replace(/\.gguf$/i, '');

/** "Q4_0", "Q4_K_M", "F16", "BF16", ... as the name says; '' where it says nothing. */
export function typeOf(path: string): string {
  const found = [...stemOf(path).matchAll(/(?:^|[-._])(i?q\d(?:_[a-z0-9]+)*|bf16|fp?16|fp?32|mxfp4(?:_moe)?)(?=[-.]|$)/gi)];
  return (found.at(-1)?.[1] ?? '').toUpperCase().replace(/^FP/, 'F');
}

/** Bits for a weight, roughly: the order of types. */
function bitsOf(type: string): number {
  if (type === 'F32') return 32;
  if (type === 'F16' || type === 'BF16') return 16;
  return Number(/\d/.exec(type)?.[0] ?? 0);
}

/** Block formats that the engine reads (spec: GGUF types 0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 20, 23, 30, 39). */
const isReadable = (type: string): boolean => type === '' || /^(F32|F16|BF16|Q4_[01]|Q5_[01]|Q8_0|Q[45]_K(_[A-Z]+)?|Q6_K(_[A-Z]+)?|IQ4_(NL|XS)|MXFP4.*)$/.test(type);

const QUICK4 = ['Q4_0', 'Q4_K_M', 'Q4_K_S', 'IQ4_NL', 'IQ4_XS', 'Q4_1', 'Q4_K_XL', 'MXFP4'];

/** Types that a dtype option names, best first. */
function wanted(dtype: string | undefined): string[] {
  const d = (dtype ?? 'auto').toUpperCase().replace(/^FP/, 'F').replace(/-/g, '_');
  if (d === 'AUTO' || d === 'AS_IS' || d === 'Q4' || d === 'Q4F16') return QUICK4;
  if (d === 'Q8' || d === 'INT8') return ['Q8_0'];
  if (d === 'Q4_0') return QUICK4;
  if (d === 'Q5') return ['Q5_K_M', 'Q5_K_S', 'Q5_0', 'Q5_1'];
  if (d === 'Q6') return ['Q6_K'];
  if (d === 'F16') return ['F16', 'BF16'];
  if (d === 'BF16') return ['BF16', 'F16'];
  if (d === 'F32') return ['F32', 'BF16', 'F16'];
  return [d];
}

/** The text part among a repository's paths. What is smaller on the device than in the file can be made from a file of
 * higher precision, so the next larger one serves where the type asked for is missing. */
export function chooseText(where: string, paths: string[], dtype: string | undefined): string {
  const all = paths.filter(isText);
  if (!all.length) throw new GalagoError('argument', `${where}: it holds no GGUF file with a text part; there ${paths.length === 1 ? 'is' : 'are'} ${list(paths)}`);
  if (all.length === 1) return all[0]!;
  const types = wanted(dtype);
  let best = all.filter((p) => types[0] === typeOf(p));
  for (let i = 1; i < types.length && !best.length; i++) best = all.filter((p) => typeOf(p) === types[i]);
  if (!best.length) {
    const least = bitsOf(types[0]!);
    const larger = all.filter((p) => isReadable(typeOf(p)) && bitsOf(typeOf(p)) >= least).sort((a, b) => bitsOf(typeOf(a)) - bitsOf(typeOf(b)));
    best = larger.filter((p) => typeOf(p) === typeOf(larger[0]!));
  }
  if (best.length === 1) return best[0]!;
  throw new GalagoError('argument', `${where}: ${best.length ? 'several files are' : 'no file is'} of dtype '${dtype ?? 'auto'}'; choose with {file} among ${list(best.length ? best : all)}`);
}

const list = (names: string[]): string => (names.length > 12 ? `${names.slice(0, 12).join(', ')} and ${names.length - 12} more` : names.join(', '));

const trim = (s: string): string => s.replace(/^[-._]+|[-._]+$/g, '');
/** What a vision part's name says besides "mmproj": "mmproj-demo.gguf" and "demo.mmproj.gguf" are both of "demo". */
const plainStem = (path: string): string => trim(stemOf(path).replace(/mmproj/i, '')).toLowerCase();
const isType = (s: string): boolean => /^(q\d|iq|f16$|f32$|bf16$|mxfp)/i.test(s);

/** The part of a stem before the type: "model-q4_k_m" and "model-f16" are both of "model". */
function modelOf(stem: string): string {
  const at = Math.max(stem.lastIndexOf('-'), stem.lastIndexOf('.'));
  if (at < 0) return isType(stem) ? '' : stem;
  return isType(stem.slice(at + 1)) ? stem.slice(0, at) : stem;
}

/** The vision part of a text part, among a repository's paths; undefined where there is none. */
export function chooseVision(where: string, text: string, paths: string[]): string | undefined {
  const stem = plainStem(text), model = modelOf(stem);
  const rank = (p: string): number => (plainStem(p) === stem ? 3 : modelOf(plainStem(p)) === model ? 2 : 1);
  const all = paths.filter(isVision);
  const top = Math.max(0, ...all.map(rank));
  let best = all.filter((p) => rank(p) === top);
  // One of another model is not ours when the text part of that name is there.
  if (top === 1) best = best.filter((p) => !paths.some((q) => isText(q) && modelOf(plainStem(q)) === modelOf(plainStem(p)) && modelOf(plainStem(p)) !== ''));
  if (best.length > 1) {
    const beside = best.filter((p) => p.slice(0, p.lastIndexOf('/') + 1) === text.slice(0, text.lastIndexOf('/') + 1));
    if (beside.length) best = beside;
  }
  // The same tower in several types: the smallest whose rounding does not show.
  for (const type of ['Q8_0', 'F16', 'BF16', 'F32']) {
    const of = best.filter((p) => typeOf(p) === type);
    if (of.length === 1) return of[0];
  }
  if (best.length > 1) throw new GalagoError('argument', `${where}: several vision parts lie beside ${baseName(text)}; choose with {mmproj} among ${list(best)}`);
  return best[0];
}

/** Names that a vision part beside a file at a plain address may have, likeliest first. */
export function visionNames(text: string): string[] {
  const stem = stemOf(text);
  const at = Math.max(stem.lastIndexOf('-'), stem.lastIndexOf('.'));
  const model = at > 0 && isType(stem.slice(at + 1)) ? stem.slice(0, at) : stem;
  return [...new Set([`mmproj-${stem}.gguf`, `mmproj-${model}.gguf`, `mmproj-${model}-f16.gguf`, `mmproj-${model}-F16.gguf`, `mmproj-${model}-Q8_0.gguf`, 'mmproj-F16.gguf', 'mmproj-model-f16.gguf'])];
}
