// A static server of the working tree for the tests: one port for each kind of page.
//
//   plain      no header that changes anything
//   isolated   cross-origin isolated (COOP and COEP), so that SharedArrayBuffer and threads exist
//   csp        the strict policy that docs and examples show: scripts of the page's own origin and wasm, nothing else
//
// Byte ranges are answered; ?cors lets other origins read the file. Only the folders below are served. POST /report hands a page's results to the waiting run.
import { createServer } from 'node:http';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../../../', import.meta.url));
const folders = ['js/dist/', 'js/examples/', 'js/test/', 'js/bench/', 'js/src/', 'models/', 'tests/data/', 'docs/'];

// What a page must allow for the package, and nothing more. blob: and data: pictures are the tester's own.
export const strictCsp =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; img-src 'self' blob: data:; " +
  "style-src 'self'; base-uri 'none'; form-action 'none'";

const headersOf = {
  plain: {},
  isolated: {
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-embedder-policy': 'require-corp',
    'cross-origin-resource-policy': 'same-origin',
  },
  csp: { 'content-security-policy': strictCsp },
};

const types = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8', '.json': 'application/json', '.wasm': 'application/wasm', '.png': 'image/png',
  '.jpg': 'image/jpeg', '.webp': 'image/webp', '.gif': 'image/gif', '.bmp': 'image/bmp', '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8', '.map': 'application/json',
};

// The [first, last] byte of a Range header within `size`; null where there is none, 'bad' where it cannot be satisfied.
export function byteRange(header, size) {
  const m = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (!m || (m[1] === '' && m[2] === '')) return null;
  const first = m[1] === '' ? Math.max(0, size - Number(m[2])) : Number(m[1]);
  const last = m[1] !== '' && m[2] !== '' ? Math.min(Number(m[2]), size - 1) : size - 1;
  return first >= size || last < first ? 'bad' : [first, last];
}

async function body(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
}

// The file behind a path of the server, or null where it is not served.
function locate(name, mounts) {
  for (const [prefix, folder] of Object.entries(mounts)) if (name.startsWith(prefix)) return path.join(folder, name.slice(prefix.length));
  return folders.some((f) => name.startsWith(f)) && !name.includes('/node_modules/') ? path.join(root, name) : null;
}

async function serveFile(request, response, name, headers, mounts) {
  const file = locate(path.posix.normalize(name), mounts);
  const found = file && (await stat(file).catch(() => null));
  if (!found?.isFile()) {
    response.writeHead(404, { ...headers, 'content-type': 'text/plain' }).end(`no such file: ${name}\n`);
    return;
  }
  const all = { ...headers, 'content-type': types[path.extname(name)] ?? 'application/octet-stream', 'accept-ranges': 'bytes',
    'cache-control': 'no-store', 'last-modified': found.mtime.toUTCString() };
  const range = byteRange(request.headers.range, found.size);
  if (range === 'bad') {
    response.writeHead(416, { ...all, 'content-range': `bytes */${found.size}` }).end();
    return;
  }
  const [first, last] = range ?? [0, found.size - 1];
  if (range) all['content-range'] = `bytes ${first}-${last}/${found.size}`;
  all['content-length'] = last - first + 1;
  response.writeHead(range ? 206 : 200, all);
  if (request.method === 'HEAD' || found.size === 0) response.end();
  else createReadStream(file, { start: first, end: last }).on('error', () => response.destroy()).pipe(response);
}

// Starts the three servers. onReport(object) is called with each message a page sends; mounts: 'prefix/' -> folder, further files;
// onNext(): a promise of where a page that has ended is to go.
// Returns { origins: {plain, isolated, csp}, close() }.
export async function startServers(onReport, mounts = {}, onNext = null) {
  const servers = {};
  const origins = {};
  for (const [mode, headers] of Object.entries(headersOf)) {
    const server = createServer(async (request, response) => {
      try {
        const url = new URL(request.url, 'http://localhost');
        if (request.method === 'POST' && url.pathname === '/report') {
          onReport(JSON.parse(await body(request)));
          response.writeHead(204, headers).end();
        } else if (request.method === 'POST' && url.pathname === '/next') {
          const next = await (onNext ? onNext() : null);
          response.writeHead(200, { ...headers, 'content-type': 'application/json' }).end(JSON.stringify(next));
        } else if (url.pathname === '/favicon.ico') {
          response.writeHead(204, headers).end();
        } else {
          const open = url.searchParams.has('cors') ? { ...headers, 'access-control-allow-origin': '*' } : headers;
          await serveFile(request, response, decodeURIComponent(url.pathname).slice(1), open, mounts);
        }
      } catch (error) {
        if (!response.headersSent) response.writeHead(500, headers);
        response.end(String(error));
      }
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    servers[mode] = server;
    origins[mode] = `http://localhost:${server.address().port}`;
  }
  return {
    origins,
    async close() {
      for (const server of Object.values(servers)) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}
