// Runs the tests of one suite, in a page, in a worker or in Node alike, and reports each as it ends.
//
// A suite is a module with `tests`: an object of name -> async function(t), or name -> { run, seconds, unless(env) } where
// `seconds` is what the test takes at most on a machine that does nothing else (60) and `unless` gives a reason to leave the test out, or
// nothing. A test that takes `patience` times that hangs.
// `tests` may also be a function of the environment that gives such an object. A suite may export `before(t)` and `after(t)`, once for the suite,
// and `strays`, a pattern of complaints of the page that belong to its tests.
//
// t.env      what the run says about itself: { browser, device, mode, quick, origin, ... }
// t.note     a figure or a fact that is printed with the results
// t.progress how far the test has come, for who looks on
// t.skip     ends the test as left out, with the reason

class Skip extends Error {}

// Where others have the processors too a test takes as many times longer as they are: this ends what hangs, and judges nothing.
export const patience = 5;

export function show(value) {
  const text = typeof value === 'string' ? JSON.stringify(value) : value instanceof Error ? `${value.name}: ${value.message}` : JSON.stringify(value);
  return text === undefined ? String(value) : text.length > 600 ? text.slice(0, 600) + '…' : text;
}

function same(a, b) {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((k) => same(a[k], b[k]));
}

function assertions(env, notes, progress) {
  const fail = (message) => {
    throw new Error(message);
  };
  return {
    env,
    note: (key, value) => notes.push([key, value]),
    progress,
    skip: (reason) => {
      throw new Skip(reason);
    },
    fail,
    ok: (value, message) => value || fail(message ?? `${show(value)} is not true`),
    equal: (got, expected, message = '') => same(got, expected) || fail(`${message}${message && ': '}got ${show(got)}, expected ${show(expected)}`),
    match: (got, pattern, message = '') => pattern.test(got) || fail(`${message}${message && ': '}${show(got)} does not match ${pattern}`),
    below: (got, bound, message = '') => got < bound || fail(`${message}${message && ': '}${show(got)} is not below ${bound}`),
    // The error that the promise fails with, after a look at its `code` (or, for an abort, its name).
    async rejects(promise, code, pattern) {
      let value;
      try {
        value = await (typeof promise === 'function' ? promise() : promise);
      } catch (error) {
        if (code && error.code !== code && error.name !== code) fail(`failed with ${error.name}, code ${error.code}: ${error.message}; expected ${code}`);
        if (pattern && !pattern.test(error.message)) fail(`the message ${show(error.message)} does not match ${pattern}`);
        return error;
      }
      return fail(`did not fail but gave ${show(value)}`);
    },
  };
}

function within(seconds, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`took more than ${seconds} s`)), seconds * 1000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// Runs `suite` and calls report({type: 'begin'|'progress'|'pass'|'fail'|'skip'|'end', test, message, notes, ms}) as it goes.
export async function runSuite(suite, env, report) {
  const one = async (name, entry) => {
    const { run, seconds: usual = 60, unless } = typeof entry === 'function' ? { run: entry } : entry;
    const reason = unless?.(env), seconds = usual * patience;
    if (reason) return report({ type: 'skip', test: name, message: reason });
    await report({ type: 'begin', test: name, seconds });
    const notes = [];
    const start = performance.now();
    let result = { type: 'pass' };
    try {
      await within(seconds, run(assertions(env, notes, (message) => report({ type: 'progress', test: name, message }))));
    } catch (error) {
      const stack = (error?.stack ?? '').split('\n').filter((l) => /suites\//.test(l)).slice(0, 3).map((l) => l.trim()).join(' | ');
      result = error instanceof Skip ? { type: 'skip', message: error.message } : { type: 'fail', message: `${show(error)}${stack && '   ' + stack}` };
    }
    await report({ ...result, test: name, notes, ms: performance.now() - start });
    return result.type !== 'fail';
  };
  const tests = typeof suite.tests === 'function' ? await suite.tests(env) : suite.tests;
  const wanted = Object.entries(tests).filter(([name]) => !env.only || name.includes(env.only));
  // A suite that cannot be prepared fails once, with the reason, not once for every test.
  const ready = !suite.before || (await one('before', { seconds: 180, ...suite.before.options, run: suite.before }));
  if (ready) for (const [name, entry] of wanted) await one(name, entry);
  if (ready && suite.after) await one('after', suite.after);
  await report({ type: 'end' });
}
