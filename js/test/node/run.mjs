// The tests of the package in Node.js: node js/test/node/run.mjs [FILE or TEXT...]
//
// Each file *.test.mjs here exports `tests`, an object of names and functions. A text runs the tests whose name contains it. Prints
// what failed and, last, "N passed, N failed"; exit status 1 when something failed. Needs js/dist (make wasm, node js/build.mjs).
import { readdirSync } from 'node:fs';
import { cleanUp } from './lib.mjs';

const here = new URL('.', import.meta.url), wanted = process.argv.slice(2);
let passed = 0, failed = 0;
for (const file of readdirSync(here).filter((f) => f.endsWith('.test.mjs')).sort()) {
  const { tests } = await import(new URL(file, here));
  for (const [name, run] of Object.entries(tests)) {
    if (wanted.length && !wanted.some((w) => file.includes(w) || name.includes(w))) continue;
    let timer;
    try {
      await Promise.race([run(), new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error('took more than 600 s')), 600_000);
      })]);
      passed++;
    } catch (e) {
      failed++;
      console.log(`FAILED ${file}: ${name}\n    ${(e?.stack ?? String(e)).split('\n').slice(0, 6).join('\n    ')}`);
    } finally {
      clearTimeout(timer);
    }
  }
}
await cleanUp();
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
