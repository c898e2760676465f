// Serves the built page: node web/serve.mjs [--port N] [--host NAME] [--isolated] [--root DIR]
//
// Prints the address and stays. Takes the first free port from 8080 on, unless --port says which. Sends the policy that the page
// itself states, and what only a header can say; with --isolated the two headers that allow threads on the CPU.
import { createServer } from 'node:http';
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: {
    port: { type: 'string' }, host: { type: 'string', default: 'localhost' }, isolated: { type: 'boolean', default: false },
    root: { type: 'string', default: fileURLToPath(new URL('dist', import.meta.url)) },
  },
});
const root = path.resolve(options.root);
if (!existsSync(path.join(root, 'index.html'))) {
  console.error(`${root} holds no page. Run: node web/build.mjs`);
  process.exit(1);
}
if (options.port && !(Number(options.port) >= 0 && Number(options.port) <= 65535)) {
  console.error(`--port: '${options.port}' is not a port`);
  process.exit(1);
}

let stated = '', statedAt = -1;
/** The page's own words, so that header and page never differ; read anew when the page was built anew. */
function policy() {
  const file = path.join(root, 'index.html'), { mtimeMs } = statSync(file);
  if (mtimeMs !== statedAt) {
    stated = /http-equiv="Content-Security-Policy"\s+content="([^"]+)"/.exec(readFileSync(file, 'utf8'))?.[1] ?? '';
    statedAt = mtimeMs;
    if (!stated) throw new Error(`${file} states no policy`);
  }
  return `${stated}; frame-ancestors 'none'`;
}
const fixed = {
  'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', 'cache-control': 'no-cache', 'permissions-policy': 'camera=(self), microphone=(), geolocation=()',
  ...(options.isolated ? { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' } : {}),
};
const types = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml', '.wasm': 'application/wasm', '.png': 'image/png', '.webmanifest': 'application/manifest+json',
};

/** The file behind an address, or null for one outside of the folder. */
function locate(pathname) {
  const file = path.join(root, path.posix.normalize(pathname.endsWith('/') ? `${pathname}index.html` : pathname));
  return file.startsWith(root + path.sep) && !file.includes('\0') ? file : null;
}

async function answer(request, response) {
  let file = null;
  try {
    file = locate(decodeURIComponent(new URL(request.url, 'http://localhost').pathname));
  } catch {
    // A malformed address is answered like an unknown one.
  }
  const found = file && (await stat(file).catch(() => null));
  let headers;
  try {
    headers = { ...fixed, 'content-security-policy': policy() };
  } catch (error) {
    // The page is being built.
    response.writeHead(503, { ...fixed, 'content-type': 'text/plain' }).end(`${error.message}\n`);
    return;
  }
  if (!found?.isFile() || (request.method !== 'GET' && request.method !== 'HEAD')) {
    response.writeHead(404, { ...headers, 'content-type': 'text/plain' }).end('not found\n');
    return;
  }
  const tag = `"${found.size.toString(36)}-${Math.round(found.mtimeMs).toString(36)}"`;
  const all = { ...headers, 'content-type': types[path.extname(file)] ?? 'application/octet-stream', etag: tag, 'accept-ranges': 'bytes' };
  if (request.headers['if-none-match'] === tag) return void response.writeHead(304, all).end();
  let first = 0, last = found.size - 1, status = 200;
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  if (range) {
    first = Number(range[1]);
    if (range[2] !== '') last = Math.min(last, Number(range[2]));
    if (first > last) return void response.writeHead(416, { ...all, 'content-range': `bytes */${found.size}` }).end();
    status = 206;
    all['content-range'] = `bytes ${first}-${last}/${found.size}`;
  }
  response.writeHead(status, { ...all, 'content-length': last - first + 1 });
  if (request.method === 'HEAD' || found.size === 0) return void response.end();
  createReadStream(file, { start: first, end: last }).on('error', () => response.destroy()).pipe(response);
}

function listen(port) {
  const server = createServer(answer);
  server.on('error', (error) => {
    if (error.code === 'EADDRINUSE' && !options.port && port < 8180) return listen(port + 1);
    console.error(`cannot listen on ${options.host}:${port}: ${error.message}`);
    process.exit(1);
  });
  server.listen(port, options.host, () => console.log(`http://${options.host}:${server.address().port}/`));
}
listen(options.port ? Number(options.port) : 8080);
