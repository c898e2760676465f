// Traces as Chromium records them for its developer tools, and what they say of a page's own thread.
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Tasks of the page's own thread, with their milliseconds on the clock and on the processor; `what` names what took the most of one. */
export function tasksOf(events) {
  const main = new Set(events.filter((e) => e.name === 'thread_name' && e.args.name === 'CrRendererMain').map((e) => `${e.pid} ${e.tid}`));
  const own = events.filter((e) => e.ph === 'X' && main.has(`${e.pid} ${e.tid}`));
  return own.filter((e) => e.name === 'ThreadControllerImpl::RunTask').map((e) => ({
    clock: e.dur / 1000, processor: e.tdur / 1000,
    what: () => own.filter((x) => x.pid === e.pid && x.ts >= e.ts && x.ts + x.dur <= e.ts + e.dur && x.dur > e.dur / 3 && !/RunTask/.test(x.name)).map((x) => x.name).slice(0, 4).join(' > '),
  }));
}

/** For each page's process the milliseconds that its own thread was ready to run and had no processor; none where the system does not tell. */
function waitedForProcessors() {
  const waited = new Map();
  for (const pid of existsSync('/proc/self/schedstat') ? readdirSync('/proc').filter((n) => /^\d+$/.test(n)) : []) {
    try {
      if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('--type=renderer')) waited.set(pid, Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6);
    } catch {} // it has ended
  }
  return waited;
}

/**
 * Records a trace while `work` runs and writes it to `file`, which developer tools open. `cdp` is a session with the page.
 * Resolves with { result: what `work` gave, tasks: the page's own, waited: milliseconds that a page waited for a processor at most,
 * which is how much longer others may have made a task }.
 */
export async function record(cdp, file, work) {
  const chunks = [], collect = ({ value }) => chunks.push(...value);
  cdp.on('Tracing.dataCollected', collect);
  await cdp.send('Tracing.start', { transferMode: 'ReportEvents', traceConfig: { includedCategories: ['toplevel', 'devtools.timeline', 'v8.execute', '__metadata'] } });
  const before = waitedForProcessors();
  let result, waited;
  try {
    result = await work();
    waited = Math.max(0, ...[...waitedForProcessors()].map(([pid, ms]) => ms - (before.get(pid) ?? 0)));
  } finally {
    const ended = new Promise((done) => cdp.once('Tracing.tracingComplete', done));
    await cdp.send('Tracing.end');
    await ended;
    cdp.off('Tracing.dataCollected', collect);
  }
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, JSON.stringify({ traceEvents: chunks }));
  return { result, tasks: tasksOf(chunks), waited };
}
