// Makes build/browser_suite.js and build/store_worker.js from the TypeScript beside this file, for browsers.
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';

const here = fileURLToPath(new URL('.', import.meta.url));

export async function bundleStoreSuite() {
  await esbuild.build({ entryPoints: ['browser_suite.ts', 'store_worker.ts'].map((f) => here + f), outdir: `${here}build`, bundle: true, format: 'esm', target: 'es2022', platform: 'browser', logLevel: 'warning' });
  return new URL('build/browser_suite.js', import.meta.url);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundleStoreSuite();
