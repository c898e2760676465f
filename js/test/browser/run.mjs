// The tests in real browsers.
//
//   node js/test/browser/run.mjs [--browsers chromium,firefox,webkit,node] [--quick] [--long] [--suite NAME] [--only TEXT] [--device cpu|gpu] [--calls N] [--facts]
//
// Prints each failure, one line for each suite and, last, "N passed, N failed". Exit status 1 when something failed.
// --quick leaves out the long tests; --long (or LONG=1) makes the thousand calls of the memory test and runs what takes minutes on a
// software GPU; --only runs the tests whose name contains TEXT; --calls is the number of calls of the memory test; --facts prints what
// the tests noted, and how far long ones have come.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import * as native from './harness/native.mjs';
import { runSuite } from './harness/runner.mjs';
import { startServers } from './harness/server.mjs';
import { startHub } from '../hub/server.mjs';
import { plan } from './plan.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const { values: options } = parseArgs({
  options: {
    browsers: { type: 'string', default: 'chromium,firefox,webkit,node' },
    suite: { type: 'string' }, only: { type: 'string' }, device: { type: 'string' }, calls: { type: 'string' },
    quick: { type: 'boolean', default: false }, long: { type: 'boolean', default: Boolean(process.env.LONG) }, facts: { type: 'boolean', default: false },
  },
});
const drivers = {};
for (const name of options.browsers.split(',')) drivers[name] = await import(`./harness/${name}.mjs`);

// Without these nothing runs; a missing browser is a failure, never a silent gap.
const lacking = [...new Set(Object.values(drivers).flatMap((d) => d.missing()))];
if (lacking.length) {
  console.log(`Browsers are missing. Install them with: apt-get install ${lacking.join(' ')}\n0 passed, ${lacking.length} failed`);
  process.exit(1);
}
const stamp = `${here}node_modules/.package-lock.json`;
if (!existsSync(stamp) || statSync(stamp).mtimeMs < statSync(`${here}package-lock.json`).mtimeMs) {
  execFileSync('npm', ['ci', '--ignore-scripts', '--loglevel=error'], { cwd: here, stdio: ['ignore', 'ignore', 'inherit'] });
  execFileSync('touch', [stamp]);
}

const wanted = plan.filter(([browser, device, , suite, isLong]) =>
  drivers[browser] && (!isLong || options.long) && (!options.suite || options.suite.split(',').includes(suite)) && (!options.device || options.device === device));

// What the native program says goes to the pages as a file.
const generated = mkdtempSync(path.join(tmpdir(), 'galago-expected-'));
process.on('exit', () => rmSync(generated, { recursive: true, force: true }));
let expectations = [];
if (wanted.some((entry) => !['probe', 'store'].includes(entry[3]))) {
  const lacks = native.missing() ?? (existsSync(`${here}../../dist/galago.wasm`) ? null : 'js/dist/galago.wasm is not built: run make wasm')
    ?? (existsSync(`${here}../../dist/index.js`) ? null : 'js/dist/index.js is not built: run node js/build.mjs');
  if (lacks) {
    console.log(`${lacks}\n0 passed, 1 failed`);
    process.exit(1);
  }
  expectations = native.expectations();
  writeFileSync(path.join(generated, 'expected.json'), JSON.stringify(expectations));
}
// The case of these pictures (file names) and this prompt.
const expected = (images, prompt) => {
  const found = expectations.find((c) => c.prompt === prompt && c.images.map((i) => path.basename(i)).join() === images.join());
  if (!found) throw new Error(`no native words for ${images} and "${prompt}": add the case to harness/native.mjs`);
  return found;
};

// The store's tests are TypeScript and load from a hub with faults.
let hub = null;
if (wanted.some((entry) => ['store', 'downloads', 'trace'].includes(entry[3]))) {
  hub = await startHub();
  await (await import('../store/bundle.mjs')).bundleStoreSuite();
}

const running = new Set(); // browsers
// Browsers and servers lead process groups of their own: who is ended takes them along.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, async () => {
    await Promise.all([...running].map((instance) => instance.close().catch(() => {})));
    process.exit(1);
  });
}
const runs = new Map(); // id -> function(message)
const servers = await startServers((message) => runs.get(message.run)?.(message), { 'generated/': generated }, () => [...running].find((instance) => instance.next)?.next() ?? null);
const total = { passed: 0, failed: 0, skipped: 0 };
const started = Date.now();
const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

// Runs one suite in one place and resolves with what came back. Silence for longer than the running test may take is a hang.
function runOne(browser, entry, env) {
  const [, device, mode, suite] = entry;
  const run = `${runs.size + 1}-${process.pid}`;
  const seen = { passed: 0, failed: [], skipped: [], notes: [], logs: [] };
  return new Promise((resolve) => {
    let page, timer, current;
    const finish = async (hung = false) => {
      clearTimeout(timer);
      runs.set(run, () => {});
      await (await page)?.close(hung)?.catch?.((e) => seen.logs.push(`close: ${e.message}`));
      resolve(seen);
    };
    const fail = (test, message) => seen.failed.push({ test, message });
    const expect = (s, what) => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        fail(current ?? 'start', `${what} within ${s} s: killed`);
        finish(true);
      }, s * 1000);
    };
    const onMessage = (m) => {
      if (m.type === 'begin') {
        current = m.test;
        expect(m.seconds + 30, `the test said nothing and did not end`);
      } else if (m.type === 'progress') {
        if (options.facts) console.log(`    ${m.test}: ${m.message}`);
      } else if (m.type === 'end') {
        finish();
      } else if (m.type === 'stray') {
        fail(current ?? 'load', m.message);
      } else {
        expect(600, 'no further test began');
        if (m.type === 'pass' && m.test !== 'before' && m.test !== 'after') seen.passed++;
        if (m.type === 'fail') fail(m.test, m.message);
        if (m.type === 'skip') seen.skipped.push(m);
        for (const [key, value] of m.notes ?? []) seen.notes.push({ test: m.test, key, value });
        if (options.facts && m.ms > 1000) seen.notes.push({ test: m.test, key: 'time', value: seconds(m.ms) });
      }
    };
    runs.set(run, onMessage);
    expect(600, 'nothing came back');
    const onStray = (message, isLog) => {
      if (isLog) return seen.logs.push(message);
      onMessage({ type: 'stray', message });
      finish(true);
    };
    const query = new URLSearchParams({ run, suite: `/js/test/browser/suites/${suite}.mjs`, env: JSON.stringify(env) });
    const target = browser.name === 'node'
      ? { suite: `${here}suites/${suite}.mjs`, env, run }
      : `${servers.origins[mode]}/js/test/browser/page/page.html?${query}`;
    if (mode === 'driven') {
      // The test presses the browser's keys, so it runs here and not in the page.
      page = Promise.resolve({ close: async () => {} });
      import(`./driven/${suite}.mjs`).then((module) => runSuite(module, { ...env, context: browser.instance.context, expected, theHub: hub }, onMessage))
        .catch((e) => (fail('load the suite', e.stack), finish()));
      return;
    }
    page = browser.instance.open(target, onStray, onMessage).catch((e) => {
      fail('start', `${browser.name} could not open the page: ${e.message}`);
      page = null;
      finish();
    });
  });
}

// One entry of the plan, in a browser that runs.
async function runEntry(name, instance, entry) {
  const [, device, mode, suite] = entry;
  const env = { browser: name, device, mode, suite, quick: options.quick, long: options.long, only: options.only, calls: Number(options.calls) || undefined, origins: servers.origins, origin: servers.origins.plain, hub: hub?.url, follow: Boolean(instance.next) };
  const start = Date.now();
  const result = await runOne({ name, instance }, entry, env);
  const label = `${name} ${device}${mode === 'none' || mode === 'plain' ? '' : ' ' + mode} ${suite}`;
  for (const { test, message } of result.failed) console.log(`FAILED ${label}: ${test}\n    ${message}`);
  if (result.failed.length) for (const log of result.logs.slice(0, 10)) console.log(`    ${log}`);
  const left = result.skipped.length ? `, ${result.skipped.length} left out` : '';
  console.log(`${label.padEnd(36)} ${String(result.passed).padStart(4)} passed, ${result.failed.length} failed${left}   ${seconds(Date.now() - start)}`);
  if (options.facts) {
    for (const { test, key, value } of result.notes) console.log(`    ${test}: ${key} = ${typeof value === 'string' ? value : JSON.stringify(value)}`);
    for (const { test, message } of result.skipped) console.log(`    left out: ${test}: ${message}`);
  }
  total.passed += result.passed;
  total.failed += result.failed.length;
  total.skipped += result.skipped.length;
}

// One browser after another, each started once for a device.
async function lane(names) {
  for (const name of names) {
    for (const device of ['gpu', 'cpu']) {
      const entries = wanted.filter((e) => e[0] === name && e[1] === device);
      if (!entries.length) continue;
      let instance;
      try {
        instance = await drivers[name].launch({ device });
      } catch (error) {
        console.log(`FAILED ${name}: does not start: ${error.message}`);
        total.failed++;
        continue;
      }
      running.add(instance);
      for (const entry of entries) await runEntry(name, instance, entry);
      if (options.facts) console.log(`    ${instance.version}`);
      running.delete(instance);
      await instance.close();
    }
  }
}
// Two at a time: one core is enough for a browser that mostly waits.
const names = Object.keys(drivers);
await Promise.all([lane(names.filter((n) => n === 'chromium')), lane(names.filter((n) => n !== 'chromium'))]);
await servers.close();
await hub?.close();
if (total.skipped && !options.quick) console.log(`${total.skipped} left out: what a browser does not have (--facts says which and why)`);
console.log(`browsers: ${seconds(Date.now() - started)}`);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed || !total.passed ? 1 : 0);
