// Builds the package: node build.mjs [--quick]
//
//   dist/*.js        one self-contained file per entry (esbuild: a page loads two files, not thirty, and names are shortened)
//                    image-assistant.js and auto-alt.js, which pages may add, share index.js with the page instead of carrying it again
//   dist/types       declarations (tsc, which also checks); --quick leaves them out
//   build/           every source file by itself, for tests of the parts
//   dist/galago*.wasm are `make wasm`'s; what exists is measured, nothing is compiled here
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, copyFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants } from 'node:zlib';
import * as esbuild from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
process.chdir(here);
const quick = process.argv.includes('--quick');
/** Bytes, brotli, of what a page downloads to run a model: one wasm (kernels inside), page and worker code. */
const BUDGET = 300_000;
/** What a page may add to it, each with its own budget: dist/NAME.js from src/elements/NAME_with_underscores.ts. */
const ELEMENTS = { 'image-assistant': 20_000, 'auto-alt': 8_000 };

const version = JSON.parse(readFileSync('package.json', 'utf8')).version;
for (const [file, pattern] of [['../include/galago.h', /GALAGO_VERSION "(.*)"/], ['src/version.ts', /version = '(.*)'/]]) {
  if (!existsSync(file)) continue;
  const found = pattern.exec(readFileSync(file, 'utf8'))?.[1];
  if (found !== version) throw new Error(`${file} says version ${found}, package.json ${version}`);
}

function sources(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((f) =>
    f.isDirectory() ? sources(join(folder, f.name)) : f.name.endsWith('.ts') && !f.name.endsWith('.d.ts') ? [join(folder, f.name)] : []);
}

rmSync('build', { recursive: true, force: true });
await esbuild.build({ entryPoints: sources('src'), outdir: 'build', outbase: 'src', format: 'esm', target: 'es2022', sourcemap: 'inline' });

const bundle = { bundle: true, format: 'esm', target: 'es2022', minify: true, legalComments: 'none', outdir: 'dist' };
const browser = ['index', 'worker'], node = ['node', 'node_worker'];
await esbuild.build({ ...bundle, entryPoints: browser.map((n) => `src/${n}.ts`), platform: 'browser' });
// Of the package itself they load the file that the page has already, so that there is one runtime, one worker, one class of errors.
const runtime = { name: 'runtime', setup: (build) => build.onResolve({ filter: /^\.\.\/index\.js$/ }, () => ({ path: './index.js', external: true })) };
const elements = Object.keys(ELEMENTS).map((name) => ({ in: `src/elements/${name.replaceAll('-', '_')}.ts`, out: name })).filter((e) => existsSync(e.in));
await esbuild.build({ ...bundle, entryPoints: elements, platform: 'browser', plugins: [runtime] });
await esbuild.build({
  // Readable: Node.js prints the line that an uncaught error comes from.
  ...bundle, entryPoints: node.map((n) => `src/${n}.ts`), platform: 'node', external: ['webgpu'], minify: false,
});
if (!quick) {
  rmSync('dist/types', { recursive: true, force: true });
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '--emitDeclarationOnly'], { stdio: 'inherit' });
}

// The decoders that Node.js lacks, with their licences.
for (const [name, from] of [['jpeg', 'mozjpeg_dec'], ['webp', 'webp_dec']]) {
  mkdirSync('dist/codecs', { recursive: true });
  copyFileSync(`node_modules/@jsquash/${name}/codec/dec/${from}.wasm`, `dist/codecs/${name}.wasm`);
  copyFileSync(`node_modules/@jsquash/${name}/codec/LICENSE.codec.md`, `dist/codecs/LICENSE.${name}.md`);
}
copyFileSync('node_modules/@jsquash/jpeg/LICENSE', 'dist/codecs/LICENSE.jsquash');
for (const name of ['LICENSE', 'NOTICE']) copyFileSync(`../${name}`, `dist/${name}`);

// The demo model goes with the package, so that the first call needs no network.
for (const name of ['demo.gguf', 'mmproj-demo.gguf']) {
  const from = join('../models/demo', name), to = join('dist/models', name);
  if (!existsSync(from) || (existsSync(to) && statSync(to).mtimeMs >= statSync(from).mtimeMs)) continue;
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
}

const compressed = (file) => brotliCompressSync(readFileSync(file), { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: statSync(file).size } }).length;
let total = 0, over = 0, largest = 0;
const modules = ['galago.wasm', 'galago-threads.wasm', 'galago-relaxed.wasm', 'galago-relaxed-threads.wasm'];
for (const name of ['index.js', 'worker.js', ...modules, 'node.js', 'node_worker.js']) {
  const file = join('dist', name);
  if (!existsSync(file)) { console.log(`${name.padEnd(27)} not built`); continue; }
  const size = compressed(file), inPage = ['index.js', 'worker.js'].includes(name), isModule = modules.includes(name);
  if (inPage) total += size;
  if (isModule) largest = Math.max(largest, size);
  console.log(`${name.padEnd(27)} ${String(statSync(file).size).padStart(9)} bytes, ${String(size).padStart(7)} brotli${inPage ? '' : isModule ? '  (a page loads one of four)' : '  (not counted)'}`);
}
total += largest;
for (const { out } of elements) {
  const size = compressed(`dist/${out}.js`);
  console.log(`${`${out}.js`.padEnd(27)} ${String(statSync(`dist/${out}.js`).size).padStart(9)} bytes, ${String(size).padStart(7)} brotli of ${ELEMENTS[out]}`);
  if (size > ELEMENTS[out]) { console.error(`${out}.js is ${size - ELEMENTS[out]} bytes over its budget`); over = 1; }
}
console.log(`${'page runtime'.padEnd(27)} ${String(total).padStart(33)} brotli of ${BUDGET} (${relative(process.cwd(), 'dist') || '.'})`);
if (total > BUDGET) { console.error(`the runtime is ${total - BUDGET} bytes over its budget`); over = 1; }
process.exitCode = over;
