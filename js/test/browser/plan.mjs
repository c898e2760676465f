// Which suite runs where: one line for each browser, device, kind of page (see harness/server.mjs) and suite.
// 'driven' suites lie in driven/ and use a page from outside, as people do; the others lie in suites/ and run inside the page.
const where = (browser, device, mode, ...suites) => suites.map((suite) => [browser, device, mode, suite]);

// SwiftShader compiles each pipeline in seconds: a model takes a minute to load there, so these run with --long alone. (Firefox's lavapipe takes
// six seconds.)
const long = (entries) => entries.map((entry) => [...entry, 'long']);

export const plan = [
  ...where('chromium', 'gpu', 'plain', 'probe', 'words'),
  ...long(where('chromium', 'gpu', 'plain', 'lost')),
  ...long(where('chromium', 'gpu', 'isolated', 'memory')),
  ...long(where('chromium', 'gpu', 'driven', 'trace')),
  ...where('chromium', 'cpu', 'plain', 'words', 'inputs', 'api', 'abort', 'errors', 'worker', 'modules', 'store'),
  ...where('chromium', 'cpu', 'csp', 'probe', 'words', 'inputs'),
  ...where('chromium', 'cpu', 'isolated', 'probe', 'words', 'modules', 'abort', 'memory'),
  ...where('chromium', 'cpu', 'driven', 'trace', 'downloads', 'extension', 'examples'),
  ...where('firefox', 'gpu', 'plain', 'probe', 'words', 'lost'),
  ...where('firefox', 'cpu', 'plain', 'words', 'inputs', 'errors', 'worker', 'modules'),
  ...long(where('firefox', 'cpu', 'plain', 'store')), // takes minutes there, half a minute in Chromium
  ...where('firefox', 'cpu', 'isolated', 'probe', 'words'),
  ...where('firefox', 'cpu', 'driven', 'extension_firefox'),
  ...where('webkit', 'cpu', 'plain', 'store', 'probe', 'words', 'inputs', 'api', 'abort', 'errors', 'worker', 'modules'),
  ...where('webkit', 'cpu', 'csp', 'words'),
  ...where('webkit', 'cpu', 'isolated', 'probe'),
  ...['chromium', 'firefox', 'webkit'].flatMap((browser) => ['csp', 'plain'].flatMap((mode) => where(browser, 'cpu', mode, 'auto_alt', 'auto_alt_model'))),
  ...['chromium', 'firefox', 'webkit'].flatMap((browser) => where(browser, 'cpu', 'csp', 'image_assistant', 'image_assistant_parts')),
  ...where('node', 'gpu', 'none', 'probe', 'words'),
  ...long(where('node', 'gpu', 'none', 'lost')),
  ...where('node', 'cpu', 'none', 'words', 'api', 'abort', 'errors'),
];
