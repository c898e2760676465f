// Writes src/text/unicode_tables.c from the Unicode data that Node's ICU carries.
//
//   node tools/unicode/generate.mjs > src/text/unicode_tables.c
//
// The tokenizer needs four general categories (L, M, N, White_Space) and canonical composition (NFC). Both come from
// one engine, so that they are of one Unicode version, the one that JavaScript hosts use. ECMAScript shows neither
// combining classes nor decomposition pairs; both follow from what normalize() does:
//   - two marks are put in order of their classes, so swaps tell which class is larger. Only the order of classes
//     matters to NFC: the table holds their rank (0 = starter), not the number in the standard.
//   - the last step of a composition joins NFC(all but the last code point of NFD(c)) with that last code point.

const LIMIT = 0x110000;
const isScalar = (c) => c < 0xd800 || c > 0xdfff;
const text = (...cps) => String.fromCodePoint(...cps);
const cps = (s) => Array.from(s, (ch) => ch.codePointAt(0));
const isHangulSyllable = (c) => c >= 0xac00 && c < 0xac00 + 11172;
const fail = (message) => { throw new Error(message); };

const CLASSES = [/^\p{L}$/u, /^\p{M}$/u, /^\p{N}$/u, /^\p{White_Space}$/u]; // 1, 2, 3, 4; everything else 0
const categoryOf = (c) => CLASSES.findIndex((re) => re.test(text(c))) + 1;

// ---- ranks of combining classes ----

const swaps = (a, b) => { // class(a) > class(b) > 0
    const s = text(a, b).normalize('NFD');
    return s === text(b, a) && a !== b;
};
const YPOGEGRAMMENI = 0x345, ACUTE = 0x301; // the largest class, and one below it
const marks = [];
for (let c = 0; c < LIMIT; c++) {
    if (!isScalar(c) || text(c).normalize('NFD') !== text(c)) continue; // marks that decompose take their parts' classes
    if (swaps(YPOGEGRAMMENI, c) || swaps(c, ACUTE)) marks.push(c);
}
const ladder = []; // classes, smallest first, each a list of its marks
for (const m of marks) {
    let low = 0, high = ladder.length;
    while (low < high) {
        const mid = (low + high) >> 1;
        if (swaps(m, ladder[mid][0])) low = mid + 1;
        else if (swaps(ladder[mid][0], m)) high = mid;
        else { low = -1; ladder[mid].push(m); break; }
    }
    if (low >= 0) ladder.splice(low, 0, [m]);
}
const rank = new Map();
ladder.forEach((list, i) => list.forEach((m) => rank.set(m, i + 1)));

// ---- canonical decompositions, one step each ----

const byDecomposition = new Map(); // NFD text -> a code point that has it, for steps that NFC never takes
for (let c = 0; c < LIMIT; c++) {
    if (!isScalar(c) || isHangulSyllable(c)) continue;
    const s = text(c).normalize('NFD');
    if (s !== text(c)) byDecomposition.set(s, c);
}
const pairs = []; // [composite, first, second (0 = none), composes]
const seconds = new Set();
for (let c = 0; c < LIMIT; c++) {
    if (!isScalar(c) || isHangulSyllable(c)) continue;
    const full = cps(text(c).normalize('NFD'));
    if (full.length === 1) {
        if (full[0] !== c) pairs.push([c, full[0], 0, false]);
        continue;
    }
    const last = full[full.length - 1];
    const rest = text(...full.slice(0, -1));
    let head = cps(rest.normalize('NFC'));
    const composes = text(c).normalize('NFC') === text(c);
    if (head.length !== 1 && byDecomposition.has(rest)) head = [byDecomposition.get(rest)];
    if (head.length !== 1) fail(`U+${c.toString(16)}: more than two steps`);
    if (composes && text(head[0], last).normalize('NFC') !== text(c)) fail(`U+${c.toString(16)}: wrong pair`);
    if (composes) seconds.add(last);
    pairs.push([c, head[0], last, composes]);
}
for (let c = 0x1161; c <= 0x1175; c++) seconds.add(c); // Hangul vowels and finals
for (let c = 0x11a8; c <= 0x11c2; c++) seconds.add(c);
const decomposes = new Set(pairs.filter((p) => !p[3]).map((p) => p[0])); // never in NFC

// ---- one word for each range of equal properties: start << 11 | maybe << 10 | rank << 3 | class ----

const ranges = [];
let before = -1;
for (let c = 0; c < LIMIT; c++) {
    const maybe = seconds.has(c) || decomposes.has(c);
    const p = isScalar(c) ? (maybe ? 1024 : 0) | (rank.get(c) ?? 0) << 3 | categoryOf(c) : 0;
    if (p !== before) ranges.push([c, p]);
    before = p;
}
const blocks = []; // for each 256 code points: the range its first one lies in
for (let b = 0, i = 0; b <= LIMIT >> 8; b++) {
    while (i + 1 < ranges.length && ranges[i + 1][0] <= b << 8) i++;
    blocks.push(i);
}
let used = blocks.length; // the tail of equal entries is cut off
while (used > 1 && blocks[used - 2] === blocks[used - 1]) used--;
if (ladder.length > 127) fail('too many combining classes');

// ---- out ----

const lines = (items, perLine) => {
    let s = '';
    for (let i = 0; i < items.length; i += perLine) s += '    ' + items.slice(i, i + perLine).join(', ') + ',\n';
    return s;
};
const hex = (v) => '0x' + v.toString(16);
const composing = pairs.map((p, i) => [p, i]).filter(([p]) => p[3])
    .sort(([a], [b]) => a[1] - b[1] || a[2] - b[2]).map(([, i]) => i);
process.stdout.write(`/* Unicode ${process.versions.unicode}, written by tools/unicode/generate.mjs: change that, not this. */
/* clang-format off */
#include "text/unicode_tables.h"

const char unicode_version[] = "${process.versions.unicode}";
const size_t unicode_n_ranges = ${ranges.length}, unicode_n_blocks = ${used};
const size_t unicode_n_compositions = ${composing.length}, unicode_n_pairs = ${pairs.length};

const uint32_t unicode_ranges[] = {
${lines(ranges.map(([c, p]) => hex(((c * 2048) + p) >>> 0)), 10)}};

const uint16_t unicode_blocks[] = {
${lines(blocks.slice(0, used), 20)}};

const unicode_pair unicode_pairs[] = {
${lines(pairs.map((p) => `{${hex(p[0])},${hex(p[1])},${hex(p[2])}}`), 5)}};

const uint16_t unicode_compositions[] = {
${lines(composing, 20)}};
`);
process.stderr.write(`ranges ${ranges.length}, blocks ${used}, pairs ${pairs.length}, compositions ${composing.length}, ` +
    `classes ${ladder.length}, marks ${marks.length}\n`);
