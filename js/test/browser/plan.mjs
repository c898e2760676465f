// Which suite runs where: one line for each browser, device, kind of page (see harness/server.mjs) and suite.
// 'driven' suites lie in driven/ and use a page from outside, as people do; the others lie in suites/ and run inside the page.
const everywhere = [
  ['chromium', 'gpu', 'plain'],
  ['firefox', 'gpu', 'plain'],
  ['webkit', 'cpu', 'plain'],
  ['node', 'gpu', 'none'],
];

export const plan = [
  ...everywhere.map((where) => [...where, 'probe']),
  ['chromium', 'cpu', 'isolated', 'probe'],
  ['firefox', 'cpu', 'isolated', 'probe'],
  ['webkit', 'cpu', 'isolated', 'probe'],
  ['chromium', 'cpu', 'csp', 'probe'],
  ['chromium', 'cpu', 'driven', 'demo'],
  ['chromium', 'cpu', 'driven', 'examples'],
];
