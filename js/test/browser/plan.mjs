// Which suite runs where: one line for each browser, device, kind of page (see harness/server.mjs) and suite.
// 'driven' suites lie in driven/ and use a page from outside, as people do; the others lie in suites/ and run inside the page.
const where = (browser, device, mode, ...suites) => suites.map((suite) => [browser, device, mode, suite]);

export const plan = [
  ...where('chromium', 'gpu', 'plain', 'probe', 'words', 'api', 'abort', 'lost'),
  ...where('chromium', 'cpu', 'plain', 'words', 'inputs', 'api', 'abort', 'errors', 'smooth', 'worker', 'store'),
  ...where('chromium', 'cpu', 'csp', 'probe', 'words', 'inputs'),
  ...where('chromium', 'cpu', 'isolated', 'probe', 'words', 'abort', 'memory'),
  ...where('chromium', 'cpu', 'driven', 'demo', 'examples'),
  ...where('firefox', 'gpu', 'plain', 'probe', 'words', 'api', 'lost'),
  ...where('firefox', 'cpu', 'plain', 'words', 'inputs', 'errors', 'worker', 'store'),
  ...where('firefox', 'cpu', 'isolated', 'probe', 'words'),
  ...where('webkit', 'cpu', 'plain', 'probe', 'words', 'inputs', 'api', 'abort', 'errors', 'worker', 'store'),
  ...where('webkit', 'cpu', 'csp', 'words'),
  ...where('webkit', 'cpu', 'isolated', 'probe'),
  ...where('node', 'gpu', 'none', 'probe', 'words', 'api', 'lost'),
  ...where('node', 'cpu', 'none', 'words', 'api', 'abort', 'errors'),
];
