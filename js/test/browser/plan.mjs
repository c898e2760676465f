// Which suite runs where: one line for each browser, device, kind of page (see harness/server.mjs) and suite.
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
];
