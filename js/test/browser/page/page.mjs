// The page that runs one suite: its query names the run, the suite and the environment; results go to POST /report.
import { runSuite } from '../harness/runner.mjs';

const query = new URLSearchParams(location.search);
const run = query.get('run');
const send = (message) => fetch('/report', { method: 'POST', body: JSON.stringify({ run, ...message }) });

let expected = null; // strays that the suite says belong to its tests
const stray = (what) => expected?.test(what) || send({ type: 'stray', message: what });
addEventListener('error', (e) => stray(`error: ${e.message} (${e.filename}:${e.lineno})`));
addEventListener('unhandledrejection', (e) => stray(`unhandled rejection: ${e.reason?.stack ?? e.reason}`));
addEventListener('securitypolicyviolation', (e) => stray(`content security policy: ${e.violatedDirective} blocked ${e.blockedURI} in ${e.sourceFile}:${e.lineNumber}`));

try {
  const suite = await import(query.get('suite'));
  expected = suite.strays ?? null;
  await runSuite(suite, { ...JSON.parse(query.get('env')), host: 'page', origin: location.origin }, send);
} catch (error) {
  await send({ type: 'fail', test: 'load the suite', message: String(error?.stack ?? error) });
  await send({ type: 'end' });
}

// Where the browser is not driven from outside, the page itself goes on to the next suite.
const { follow } = JSON.parse(query.get('env'));
if (follow) {
  const next = await (await fetch('/next', { method: 'POST' })).json();
  if (next) location.replace(next);
}
