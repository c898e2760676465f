// What the suites of autoAlt share: pictures in the page, and a describer that is quick and tells what it was asked.
import { sample, sleep, url } from './lib.mjs';

export { until } from './lib.mjs';

export const load = () => import('../../../dist/auto-alt.js');

/** The attribute that marks what was written. */
export const mark = (element) => element.getAttribute('data-galago-alt');

/** An element with attributes and children; style as an object, since the policy refuses the attribute. */
export function el(tag, { style = {}, ...attributes } = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  Object.assign(element.style, style);
  element.append(...children);
  return element;
}

const seen = { width: '100px', height: '100px' };
/** A picture of the demo model's, n = 1 to 3; the query makes its address differ from that of others. */
export const img = (t, n, attributes = {}, query = '') => el('img', { src: url(t.env, sample(n)) + query, style: seen, ...attributes });

/** Words by the address, so that each picture has its own; `asked` is the list of requests. */
export function describer(delay = 0) {
  const asked = [];
  const describe = async (request) => {
    asked.push(request);
    if (delay) await sleep(delay);
    return `words for ${request.url.split('/').pop() || 'a canvas'}`;
  };
  return { asked, describe, urls: () => asked.map((r) => r.url.split('/').pop()) };
}

/** Puts elements into the page, runs, and takes them away again; whatever autoAlt was started in it ends too. */
export async function on(elements, run) {
  const place = el('div', {}, ...elements), started = [];
  document.body.append(place);
  scrollTo(0, 0);
  const { autoAlt } = await load();
  const start = (options = {}, root = place) => {
    const run = autoAlt(root, { max_length: 125, ...options });
    started.push(run);
    return run;
  };
  try {
    await run(start, place);
  } finally {
    for (const run of started) await run.undo();
    place.remove();
  }
}

/** After what the browser tells later: mutations, the view, loading. */
export const settled = () => sleep(400);
