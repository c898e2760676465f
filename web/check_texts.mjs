// Checks the texts: node web/check_texts.mjs
//
// Every language has the same keys with the same {names}; every key that the code or index.html asks for exists; every key that
// exists is asked for. The element's own languages (texts/assistant.*.json) are compared with the English of the package.
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const web = dirname(fileURLToPath(import.meta.url)), root = dirname(web);
const esbuild = createRequire(join(root, 'js/package.json'))('esbuild');
const problems = [];
const read = (name) => JSON.parse(readFileSync(join(web, 'texts', name), 'utf8'));
const names = (text) => [...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort().join(' ');
/** Forms for plurals are one key. */
const plain = (key) => key.replace(/\.(zero|one|two|few|many|other)$/, '');

function compare(language, texts, reference, referenceName) {
  for (const [key, text] of Object.entries(texts)) {
    if (typeof text !== 'string' || text.trim() === '') problems.push(`${language}: "${key}" is empty`);
    else if (reference[key] === undefined) problems.push(`${language}: "${key}" is not in ${referenceName}`);
    else if (names(text) !== names(reference[key]) && !/\.one$/.test(key)) problems.push(`${language}: "${key}" has {${names(text)}}, ${referenceName} has {${names(reference[key])}}`);
  }
  for (const key of Object.keys(reference)) if (texts[key] === undefined) problems.push(`${language}: "${key}" is missing`);
}

const english = read('en.json');
const files = readdirSync(join(web, 'texts'));
for (const file of files) if (/^[a-z-]+\.json$/.test(file) && file !== 'en.json') compare(file, read(file), english, 'en.json');

const { code } = await esbuild.transform(readFileSync(join(root, 'js/src/elements/image_assistant_texts.ts'), 'utf8'), { loader: 'ts', format: 'esm' });
const { english: element } = await import(`data:text/javascript;base64,${Buffer.from(code).toString('base64')}`);
for (const file of files) if (file.startsWith('assistant.')) compare(file, read(file), element, "the element's English");

// What the code asks for: literals, and patterns such as `error.${kind}`.
const sources = (folder) => readdirSync(folder, { withFileTypes: true }).flatMap((f) => (f.isDirectory() ? sources(join(folder, f.name)) : /\.ts$/.test(f.name) ? [join(folder, f.name)] : []));
const literals = new Set(), patterns = [], asked = new Map();
const views = new Set(Object.keys(english).map((key) => key.split('.')[0]));
for (const file of [...sources(join(web, 'src')), join(web, 'index.html')]) {
  const text = readFileSync(file, 'utf8');
  for (const [, , literal] of text.matchAll(/(['"])([a-z]\w*\.[\w.]+)\1/g)) literals.add(literal);
  for (const [, body] of text.matchAll(/`([a-z]\w*\.[^`\n]*\$\{[^`\n]*)`/g)) {
    if (!views.has(body.split('.')[0])) continue;
    patterns.push(new RegExp(`^${body.replace(/\$\{[^}]*\}/g, '\u0000').replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('\u0000', '[\\w.]+')}$`));
  }
  for (const m of text.matchAll(/(?:\bt\(\s*|data-t(?:-label|-title)?(?:'?: |=))(['"])([a-z]\w*\.[\w.]+)\1/g)) asked.set(m[2], file);
}
const keys = new Set(Object.keys(english).map(plain));
for (const [key, file] of asked) if (!keys.has(key)) problems.push(`${file.slice(root.length + 1)}: there is no text "${key}"`);
for (const pattern of patterns) if (![...keys].some((key) => pattern.test(key))) problems.push(`no text matches ${pattern.source}`);
for (const key of keys) if (!literals.has(key) && !patterns.some((p) => p.test(key))) problems.push(`en.json: "${key}" is used nowhere`);

if (problems.length) {
  console.error(problems.join('\n'));
  process.exit(1);
}
console.log(`${keys.size} texts in ${files.filter((f) => /^[a-z-]+\.json$/.test(f)).length} languages, ${Object.keys(element).length} of the element: complete, and all in use`);
