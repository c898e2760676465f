// Serves the demo page: node js/demo/serve.mjs [--port N] [--host NAME] [--isolated]
//
// Prints the address and stays. Takes the first free port from 8080 on, unless --port says which. The page gets the strict
// policy that the documentation shows, and with --isolated the two headers that allow threads on the CPU.
import { createServer } from 'node:http';
import { createReadStream, existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: { port: { type: 'string' }, host: { type: 'string', default: 'localhost' }, isolated: { type: 'boolean', default: false } },
});
const demo = fileURLToPath(new URL('.', import.meta.url));
const root = path.join(demo, '../../');
if (!existsSync(path.join(root, 'js/dist/galago.wasm')) || !existsSync(path.join(root, 'js/dist/index.js'))) {
  console.error('js/dist is not built. Run: make wasm && (cd js && npm ci && node build.mjs)');
  process.exit(1);
}

// Other hosts than the page's own are asked only for models, over https: hub ids and addresses in ?model=.
const policy =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self' https:; img-src 'self' blob:; " +
  "style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const headers = {
  'content-security-policy': policy, 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', 'cache-control': 'no-cache',
  ...(options.isolated ? { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' } : {}),
};
const types = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml', '.wasm': 'application/wasm', '.png': 'image/png',
};

// The file behind an address of the page, or null. Only these three folders are seen.
function locate(pathname) {
  const name = path.posix.normalize(pathname).slice(1) || 'index.html';
  if (name.startsWith('dist/')) return path.join(root, 'js', name);
  if (name.startsWith('models/demo/')) return path.join(root, name);
  return name.includes('/') || name === 'serve.mjs' ? null : path.join(demo, name);
}

async function answer(request, response) {
  let file = null;
  try {
    file = locate(decodeURIComponent(new URL(request.url, 'http://localhost').pathname));
  } catch {
    // a malformed address is answered like an unknown one
  }
  const found = file && (await stat(file).catch(() => null));
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
