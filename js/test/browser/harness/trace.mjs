// Traces as Chromium records them for its developer tools, and what they say of a page's own thread.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
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

/**
 * Milliseconds that the pages' own threads were ready to run and had no processor, since their start; 0 where the system does not tell.
 * By no more than this others made a task longer.
 */
function waitedForProcessors() {
  let ns = 0;
  try {
    for (const pid of readdirSync('/proc').filter((n) => /^\d+$/.test(n))) {
      try {
        if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('--type=renderer')) ns += Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1]);
      } catch {} // it has ended
    }
  } catch {} // no Linux
  return ns / 1e6;
}

/**
 * Records a trace while `work` runs and writes it to `file`, which developer tools open. `cdp` is a session with the page.
 * Resolves with { result: what `work` gave, tasks: the page's own,
 * waited: milliseconds that it waited for a processor }.
 */
export async function record(cdp, file, work) {
  const chunks = [], collect = ({ value }) => chunks.push(...value);
  cdp.on('Tracing.dataCollected', collect);
  await cdp.send('Tracing.start', { transferMode: 'ReportEvents', traceConfig: { includedCategories: ['toplevel', 'devtools.timeline', 'v8.execute', '__metadata'] } });
  const before = waitedForProcessors();
  let result, waited;
  try {
    result = await work();
    waited = waitedForProcessors() - before;
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
