// Builds the page: node web/build.mjs [--out DIR] [--connect "ORIGIN …"]
//
//   DIR/index.html      with the policy: --connect names the hosts that models may be fetched from
//   DIR/*.js, app.css   the page's own code (views are loaded when first shown), all style sheets in one
//   DIR/texts           the languages other than English, which is in the code; without the keys, which are in English's order
//   DIR/galago          the package as js/dist has it, with the demo model; it is never bundled into the page's code
//   DIR/sw.js           knows every file above by its hash
//
// All addresses are relative: the folder works under any path of any static host.
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { brotliCompressSync, constants } from 'node:zlib';
import { createRequire } from 'node:module';

const web = dirname(fileURLToPath(import.meta.url)), root = dirname(web), dist = join(root, 'js/dist');
const esbuild = createRequire(join(root, 'js/package.json'))('esbuild');
/** Bytes, brotli, of html, code, style and texts. (Pictures and icons do not count, and neither does the runtime: RUNTIME below.)
 * `first`: what the first view loads in the language with the longest texts, the package's element and the service worker included.
 * `own`: every view in English, of the page's own files: without the element, which is the package's. `all`: everything, in all languages. */
const BUDGET = { first: 60_000, own: 60_000, all: 90_000 };
const RUNTIME = /^galago\/(index|worker|auto-alt)\.js$/;

const { values: options } = parseArgs({ options: { out: { type: 'string', default: join(web, 'dist') }, connect: { type: 'string', default: 'https://huggingface.co https://*.hf.co' } } });
const out = resolve(options.out);

function fail(message) {
  console.error(message);
  process.exit(1);
}
for (const needed of ['index.js', 'worker.js', 'galago.wasm', 'models/demo.gguf']) {
  if (!existsSync(join(dist, needed))) fail(`js/dist/${needed} is not there. Run: make wasm && (cd js && npm ci && node build.mjs)`);
}
for (const origin of options.connect.split(/\s+/).filter(Boolean)) {
  if (!/^https?:\/\/(\*\.)?[A-Za-z0-9.-]+(:\d+)?$/.test(origin)) fail(`--connect: '${origin}' is not an origin such as https://example.org`);
}

function files(folder, pattern = /./) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((f) => (f.isDirectory() ? files(join(folder, f.name), pattern) : pattern.test(f.name) ? [join(folder, f.name)] : []));
}
function copy(from, to) {
  mkdirSync(dirname(join(out, to)), { recursive: true });
  copyFileSync(from, join(out, to));
}

if (existsSync(out) && !existsSync(join(out, 'index.html')) && readdirSync(out).length) fail(`${out} is not empty and holds no page: choose another folder`);
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

/** The files of other languages: a list of texts in the order of English. The name has the hash of both, so that code never reads
 * the list of another version. */
const textFiles = {}, keys = Object.keys(JSON.parse(readFileSync(join(web, 'texts/en.json'), 'utf8')));
mkdirSync(join(out, 'texts'));
for (const file of files(join(web, 'texts'), /\.json$/)) {
  const name = basename(file, '.json'), texts = JSON.parse(readFileSync(file, 'utf8'));
  if (name === 'en') continue;
  const element = name.startsWith('assistant.'), content = JSON.stringify(element ? texts : keys.map((key) => texts[key] ?? null));
  const named = element ? name : (textFiles[name] = `${name}-${createHash('sha256').update(keys.join() + content).digest('hex').slice(0, 8)}`);
  writeFileSync(join(out, 'texts', `${named}.json`), content);
}

/** The package stays in files of its own, beside the page's. */
const packaged = {
  name: 'galago',
  setup(build) {
    build.onResolve({ filter: /^galago(\/.*)?$/ }, ({ path }) => ({ path: `./galago/${path === 'galago' ? 'index' : path.slice('galago/'.length)}.js`, external: true }));
  },
};
const common = { bundle: true, target: 'es2022', minify: true, legalComments: 'none', charset: 'utf8', outdir: out, logLevel: 'warning' };
const { metafile } = await esbuild.build({
  ...common, metafile: true, entryPoints: [join(web, 'src/main.ts')], inject: [join(web, 'src/frame.ts')], format: 'esm', splitting: true, chunkNames: '[name]-[hash]',
  define: { TEXTS: JSON.stringify(textFiles) }, plugins: [packaged],
}).catch(() => fail('the page was not built'));
await esbuild.build({ ...common, entryPoints: [join(web, 'src/early.ts')], format: 'iife' });

// One sheet: base.css first, the views' behind it.
const sheets = files(join(web, 'css'), /\.css$/).sort((a, b) => (basename(a) === 'base.css' ? -1 : basename(b) === 'base.css' ? 1 : a < b ? -1 : 1));
const css = await esbuild.transform(sheets.map((f) => readFileSync(f, 'utf8')).join('\n'), { loader: 'css', minify: true, target: 'es2022', legalComments: 'none' });
writeFileSync(join(out, 'app.css'), css.code);

for (const file of files(join(web, 'icons'))) copy(file, join('icons', relative(join(web, 'icons'), file)));
for (const file of readdirSync(web).filter((f) => /\.(svg|webmanifest)$/.test(f))) copy(join(web, file), file);
// SAMPLES of src/samples.ts.
for (const file of ['models/demo/samples/shapes-1', ...['receipt', 'emoji', 'chart'].map((name) => `web/samples/${name}`)]) copy(join(root, `${file}.png`), `samples/${basename(file)}.png`);
for (const name of ['index', 'worker', 'image-assistant', 'auto-alt']) {
  if (existsSync(join(dist, `${name}.js`))) copy(join(dist, `${name}.js`), `galago/${name}.js`);
}
for (const file of files(dist, /\.(wasm|gguf)$/)) {
  if (!relative(dist, file).startsWith('codecs')) copy(file, join('galago', relative(dist, file)));
}

/** The page's code that is loaded before the first view can be used: the entry, that view, and what both import. The browser is told
 * to fetch all of it at once, not each when the one before has named it. */
function firstCode() {
  const outputs = Object.entries(metafile.outputs).map(([file, o]) => ({ name: relative(out, resolve(file)).split(sep).join('/'), ...o }));
  const found = new Set();
  const visit = (o) => {
    if (!o || found.has(o.name)) return;
    found.add(o.name);
    for (const i of o.imports) if (i.kind === 'import-statement' && !i.external) visit(outputs.find((x) => resolve(out, x.name) === resolve(i.path)));
  };
  for (const entry of ['main.ts', 'views/ask.ts']) visit(outputs.find((o) => o.entryPoint && resolve(o.entryPoint) === join(web, 'src', entry)));
  return found;
}

const first = firstCode();
const html = readFileSync(join(web, 'index.html'), 'utf8');
if (!html.includes('%CONNECT%')) fail('index.html has no %CONNECT% in its policy');
const manifest = existsSync(join(out, 'manifest.webmanifest')) ? '<link rel="manifest" href="./manifest.webmanifest" />' : '';
writeFileSync(join(out, 'index.html'), html
  .replaceAll('%CONNECT%', options.connect.trim())
  .replace('<!-- manifest -->', manifest)
  .replace('<!-- preload -->', [...first, 'galago/image-assistant.js', 'galago/index.js'].filter((name) => name !== 'main.js' && existsSync(join(out, name))).map((name) => `<link rel="modulepreload" href="./${name}" />`).join('\n'))
  .replace(/<!--[^]*?-->/g, '').replace(/\n\s+/g, '\n').replace(/\n+/g, '\n'));

// The service worker comes last: it is told what there is.
if (existsSync(join(web, 'src/sw.ts'))) {
  const precache = files(out).map((file) => {
    const bytes = readFileSync(file);
    return [relative(out, file).split(sep).join('/'), `sha256-${createHash('sha256').update(bytes).digest('base64')}`, bytes.length];
  }).sort(([a], [b]) => (a < b ? -1 : 1));
  await esbuild.build({ ...common, entryPoints: [join(web, 'src/sw.ts')], format: 'iife', define: { PRECACHE: JSON.stringify(precache) } }).catch(() => fail('the service worker was not built'));
}

const compressed = (file) => brotliCompressSync(readFileSync(file), { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: statSync(file).size } }).length;

/** Beside the page's code at the first view: what the html names, the element that it shows, and what keeps all of it. */
const BESIDE = /^(index\.html|app\.css|early\.js|sw\.js|offline-[^/]*\.js|galago\/image-assistant\.js)$/;
const sums = { first: 0, own: 0, all: 0 };
const languages = new Map();
for (const file of files(out).sort()) {
  const name = relative(out, file).split(sep).join('/');
  if (!/\.(html|js|css|json)$/.test(name) || RUNTIME.test(name)) continue;
  const size = compressed(file), counted = first.has(name) || BESIDE.test(name), [, language] = /^texts\/(?:assistant\.)?([a-z]+)[^/]*\.json$/.exec(name) ?? [];
  sums.all += size;
  if (counted) sums.first += size;
  if (language) languages.set(language, (languages.get(language) ?? 0) + size);
  else if (!name.startsWith('galago/')) sums.own += size;
  console.log(`${name.padEnd(32)} ${String(statSync(file).size).padStart(8)} bytes, ${String(size).padStart(6)} brotli${language ? '  (where chosen)' : counted ? '' : '  (when first shown)'}`);
}
sums.first += Math.max(0, ...languages.values());
console.log(`in ${relative(process.cwd(), out) || '.'}:`);
const names = { first: 'page at its first view', own: 'own files of all views, English', all: 'all views and languages' };
for (const [key, sum] of Object.entries(sums)) console.log(`${names[key].padEnd(32)} ${String(sum).padStart(22)} brotli of ${BUDGET[key]}`);
for (const [key, sum] of Object.entries(sums)) if (sum > BUDGET[key]) fail(`${names[key]}: ${sum - BUDGET[key]} bytes over the budget`);
