// Every view of the page, as it is first seen.
export const views = ['ask', 'batch', 'camera', 'models', 'settings', 'benchmark', 'privacy'];

/** Shows a view and waits until it stands. */
export async function show(page, url, view, query = '') {
  await page.goto(`${url}${query}#${view}`);
  await stands(page, view);
}

export const stands = (page, view) => page.until((name) => {
  const h1 = [...document.querySelectorAll('main h1')].filter((e) => e.checkVisibility());
  return h1.length === 1 && h1[0].closest(`.view-${name}`) && !document.querySelector('.view-error') && document.readyState === 'complete';
}, view, { what: `the view ${view} with one heading`, seconds: 10 });
