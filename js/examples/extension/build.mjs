// Makes the extension's folders: node build.mjs [--out DIR] → DIR/chromium and DIR/firefox, ready to be loaded.
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import * as esbuild from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const { values } = parseArgs({ options: { out: { type: 'string', default: join(here, 'out') } } });
// The package's files: beside this example in its own tree, or as installed.
const galago = [join(here, '../../dist'), join(here, 'node_modules/galago/dist')].find((folder) => existsSync(join(folder, 'auto-alt.js')));
if (!galago) throw new Error('galago is not built: run node js/build.mjs, or npm install galago');

const bundle = (out, names, options) => esbuild.build({
  entryPoints: names.map((name) => ({ in: join(here, 'src', `${name}.mjs`), out: name.replace(/_.*/, '') })), outdir: out, bundle: true, format: 'esm',
  target: ['chrome116', 'firefox128'], legalComments: 'none', logLevel: 'warning', ...options,
});

// The pages of the extension share the package beside them.
const shared = { name: 'shared', setup: (b) => b.onResolve({ filter: /^\.\/galago\// }, ({ path }) => ({ path, external: true })) };
// The script in a page asks another page for words, so of the package's runtime it takes the class of errors alone.
const light = {
  name: 'light',
  setup(b) {
    b.onResolve({ filter: /^galago\/auto-alt$/ }, () => ({ path: join(galago, 'auto-alt.js') }));
    b.onResolve({ filter: /^\.\/index\.js$/ }, () => ({ path: join(here, 'src/no_runtime.mjs') }));
  },
};

function manifest(browser) {
  const m = JSON.parse(readFileSync(join(here, 'manifest.json'), 'utf8'));
  if (browser === 'firefox') {
    m.background = { scripts: ['background.js'], type: 'module' };
    m.permissions = m.permissions.filter((p) => p !== 'offscreen');
    m.browser_specific_settings = { gecko: { id: 'alternative-texts@galago.example', strict_min_version: '128.0', data_collection_permissions: { required: ['none'] } } };
    for (const key of ['minimum_chrome_version', 'cross_origin_embedder_policy', 'cross_origin_opener_policy']) delete m[key];
  }
  return m;
}

for (const browser of ['chromium', 'firefox']) {
  const out = join(values.out, browser);
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  await bundle(out, [`background_${browser}`, 'popup', 'options', ...(browser === 'chromium' ? ['offscreen'] : [])], { plugins: [shared] });
  await bundle(out, ['content'], { format: 'iife', minify: true, plugins: [light] });
  for (const name of ['popup.html', 'options.html', 'style.css', 'icons', ...(browser === 'chromium' ? ['offscreen.html'] : [])]) cpSync(join(here, name), join(out, name), { recursive: true });
  const files = readdirSync(galago).filter((name) => ['index.js', 'worker.js', 'LICENSE', 'NOTICE', 'models'].includes(name) || name.endsWith('.wasm'));
  for (const name of files) cpSync(join(galago, name), join(out, 'galago', name), { recursive: true });
  writeFileSync(join(out, 'manifest.json'), `${JSON.stringify(manifest(browser), null, 2)}\n`);
  console.log(out);
}
