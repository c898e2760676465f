// A site for the extension's tests: pages under policies of their own, and a second server whose pictures only a permission lets it read.
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { root } from '../harness/server.mjs';
import { svg } from '../suites/lib.mjs';

const png = (n) => readFileSync(path.join(root, `models/demo/samples/shapes-${n}.png`));
const size = 'width="200" height="200"';

/** `other`: the address of the second server. */
const pages = (other) => ({
  // Nothing but pictures is allowed: no script, no style, no connection.
  '/strict': {
    policy: "default-src 'none'; img-src *",
    html: `<h1>Shapes</h1><img id="one" src="/1.png" ${size}><img id="two" src="/2.png" ${size}><img id="decoration" src="/3.png" alt="" ${size}>
      <img id="named" src="/3.png" alt="Three shapes" ${size}><div aria-hidden="true"><img id="hidden" src="/3.png" ${size}></div><img id="file" src="/3.png" alt="IMG_0003.png" ${size}>`,
  },
  '/kinds': {
    policy: "default-src 'none'; img-src * data:",
    html: `<img id="data" src="data:image/png;base64,${png(2).toString('base64')}" ${size}><img id="vector" src="/circle.svg" ${size}><img id="private" src="/private/1.png" ${size}>`,
  },
  '/foreign': { policy: "default-src 'none'; img-src *", html: `<img id="own" src="/1.png" ${size}><img id="foreign" src="${other}/2.png" ${size}><img id="secret" src="${other}/private/3.png" ${size}>` },
  '/none': { policy: "default-src 'none'", html: '<p>Only words</p>' },
});

/** Two servers with different host names; a permission is for a name. Private pictures are sent to
 * those who show a cookie of that server's, and to the img elements of pages, as if these had shown it. */
export async function startSite() {
  const requests = [];
  const serve = (name, all) => createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://x'), found = all()[pathname], picture = /^\/(?:private\/)?([123])\.png$/.exec(pathname);
    requests.push({ server: name, path: pathname, cookie: request.headers.cookie ?? '', mode: request.headers['sec-fetch-mode'] });
    const cookie = { 'set-cookie': 'who=me; Path=/' };
    if (found) response.writeHead(200, { ...cookie, 'content-type': 'text/html', 'content-security-policy': found.policy }).end(`<!doctype html><html lang="en"><title>A page</title>${found.html}</html>`);
    else if (picture && (!pathname.startsWith('/private') || request.headers['sec-fetch-mode'] === 'no-cors' || request.headers.cookie?.includes('who=me'))) response.writeHead(200, { 'content-type': 'image/png', 'cache-control': 'no-store' }).end(png(picture[1]));
    else if (pathname === '/circle.svg') response.writeHead(200, { 'content-type': 'image/svg+xml' }).end(svg);
    else if (pathname === '/cookie') response.writeHead(200, { ...cookie, 'content-type': 'text/html' }).end('<title>A cookie</title>');
    else response.writeHead(pathname === '/favicon.ico' ? 204 : 403).end();
  });
  const listen = (server) => new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
  const far = serve('far', () => ({})), other = `http://127.0.0.1:${await listen(far)}`;
  const near = serve('near', () => pages(other)), origin = `http://localhost:${await listen(near)}`;
  return {
    origin, other, requests,
    async close() {
      for (const server of [near, far]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}
