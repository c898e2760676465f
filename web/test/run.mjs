// The tests of the page in real browsers. Called by run.sh.
//
//   node web/test/run.mjs [--browsers chromium,firefox,webkit] [--suite NAME,…] [--only TEXT] [--quick] [--long] [--facts]
//
// Prints each failure, one line for each suite and, last, "N passed, N failed".
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { runSuite } from '../../js/test/browser/harness/runner.mjs';
import { startHub } from '../../js/test/hub/server.mjs';
import * as native from './native.mjs';
import { plan } from './plan.mjs';
import { root, serve } from './serve.mjs';

const { values: options } = parseArgs({
  options: {
    browsers: { type: 'string', default: 'chromium,firefox,webkit' }, suite: { type: 'string' }, only: { type: 'string' },
    quick: { type: 'boolean', default: false }, long: { type: 'boolean', default: Boolean(process.env.LONG) }, facts: { type: 'boolean', default: false },
    folder: { type: 'string', default: path.join(root, 'build/web-test') },
  },
});
const shots = path.join(root, 'build/web-shots');
mkdirSync(shots, { recursive: true });

const drivers = {};
for (const name of options.browsers.split(',')) drivers[name] = await import(`./drive/${name}.mjs`);
const lacking = [...new Set(Object.values(drivers).flatMap((d) => d.missing()))];
const unbuilt = native.missing();
if (lacking.length || unbuilt) {
  if (lacking.length) console.log(`Browsers are missing. Install them with: apt-get install ${lacking.join(' ')}`);
  if (unbuilt) console.log(unbuilt);
  console.log(`0 passed, ${lacking.length + (unbuilt ? 1 : 0)} failed`);
  process.exit(1);
}

const wanted = plan.filter(([browser, suite, when]) =>
  drivers[browser] && (options.suite ? options.suite.split(',').includes(suite) : (when !== 'long' || options.long) && (when !== 'full' || !options.quick)));
const total = { passed: 0, failed: 0, skipped: 0 };
const began = Date.now();
const time = (ms) => `${(ms / 1000).toFixed(1)} s`;

// Browsers and servers lead process groups of their own: who is ended takes them along.
const everything = new Set();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, async () => {
    await Promise.all([...everything].map((thing) => Promise.resolve(thing.close()).catch(() => {})));
    process.exit(1);
  });
}

async function runOne([browser, suite]) {
  const start = Date.now(), driver = drivers[browser];
  const seen = { passed: 0, failed: 0, skipped: 0 };
  const tell = (m) => {
    if (m.type === 'pass' && !['before', 'after'].includes(m.test)) seen.passed++;
    if (m.type === 'fail') {
      seen.failed++;
      console.log(`FAILED ${browser} ${suite}: ${m.test}\n    ${m.message}`);
    }
    if (m.type === 'skip') seen.skipped++;
    if (options.facts && m.type === 'skip') console.log(`    left out: ${m.test}: ${m.message}`);
    if (options.facts) for (const [key, value] of m.notes ?? []) console.log(`    ${m.test}: ${key} = ${typeof value === 'string' ? value : JSON.stringify(value)}`);
    if (options.facts && m.ms > 1000) console.log(`    ${m.test}: ${time(m.ms)}`);
  };
  const toClose = [];
  const later = (thing) => (toClose.push(thing), everything.add(thing), thing);
  let failed = null;
  try {
    const module = await import(`./suites/${suite}.mjs?${browser}`);
    const server = later(await serve(module.folder ?? options.folder, module.server));
    const hub = later(await startHub());
    const instance = later(await driver.launch({ ...module.launch }));
    const pages = [];
    // A page that a test has opened is closed before the next one begins.
    const closePages = async () => {
      for (const page of pages.splice(0)) await page.close().catch(() => {});
    };
    const env = {
      browser, suite, quick: options.quick, long: options.long, only: options.only, shots, root, folder: options.folder, url: server.url, server, hub, instance, later,
      /** Another browser than the suite's, for what is told before it starts. */
      launch: async (o) => later(await driver.launch(o)),
      open: async (o, within = instance) => {
        const page = await within.open(o);
        pages.push(page);
        return page;
      },
      closePages,
    };
    await runSuite(module, env, async (m) => {
      tell(m);
      // What was to be seen at that moment.
      if (m.type === 'fail') for (const [i, page] of pages.entries()) await page.screenshot(path.join(shots, `failed-${browser}-${suite}-${seen.failed}-${i}.png`)).catch(() => {});
      if (m.type !== 'begin') await closePages();
    });
  } catch (error) {
    failed = error;
  }
  for (const thing of toClose.reverse()) {
    await thing.close().catch(() => {});
    everything.delete(thing);
  }
  if (failed) tell({ type: 'fail', test: 'start', message: String(failed.stack ?? failed) });
  const left = seen.skipped ? `, ${seen.skipped} left out` : '';
  console.log(`${`${browser} ${suite}`.padEnd(28)} ${String(seen.passed).padStart(4)} passed, ${seen.failed} failed${left}   ${time(Date.now() - start)}`);
  for (const key of Object.keys(total)) total[key] += seen[key];
}
// Two at a time: one core is enough for a browser that mostly waits.
for (const entry of wanted.filter((e) => e[2] === 'alone')) await runOne(entry);
const others = wanted.filter((e) => e[2] !== 'alone');
const lane = async (mine) => {
  for (const entry of others.filter(mine)) await runOne(entry);
};
await Promise.all([lane(([browser]) => browser === 'chromium'), lane(([browser]) => browser !== 'chromium')]);
console.log(`(${time(Date.now() - began)}${total.skipped ? `, ${total.skipped} left out` : ''})`);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed || !total.passed ? 1 : 0);
