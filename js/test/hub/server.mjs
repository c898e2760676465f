// A model hub on localhost for the tests, with the public hub's ways and with faults on demand.
//
//   GET /{owner}/{name}/resolve/{revision}/{path}   the file; large ones by a redirect to a second origin, as the public hub does
//   GET /api/models/{owner}/{name}/revision/{revision}?blobs=true   the list of files with sizes and SHA-256 sums
//   GET /plain/{path}                               plain files without a hub's headers
//   POST /_control                                  JSON, one of
//        {"put":{"repo":"owner/name","path":"a.bin","size":n,"seed":n}}  makes a file (or "text":"..." instead of size and seed); answers {sha256,size}
//        {"repo":{"id":"owner/name","token":"..."}}                      asks for a token from now on
//        {"fault":{...}}  {"reset":true}  {"log":true}                   see `faults`; the log is the list of requests since the last reset
//        {"hub":true}                                                    opens another, empty hub beside this one; answers {url}
//
// A fault is {match: part of "METHOD path", times: how often (default 1), skip: requests let through before} and one or more of
//   drop: n        cut the connection after n bytes of the body         stall: n      send n bytes, then nothing
//   truncate: n    end the answer properly, n bytes early               corrupt: n    flip a bit of the file's byte n, where it is sent
//   ignoreRange    answer 200 with everything                           status: n, retryAfter: s   an error answer
//   loop           redirect to itself                                   change: seed  other content of the same size from now on, other ETag
//   slow: n        n bytes a second                                     hide          expose no header to other origins, no ETag
//   delay: ms      before the answer begins
// The same can be asked for in one address: ?fault={"drop":100}.
//
// Who is stopped may have sent requests that reach the hub when a test has begun anew. Large files are therefore redirected to addresses
// that name the reset they belong to: a request for an older one is answered, but neither logged nor met by a fault.
//
// node server.mjs [--port n] runs it alone and prints its address.
import { createServer } from 'node:http';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { pathToFileURL } from 'node:url';

const LARGE = 64 << 10; // files from here on are "LFS": redirected, with a SHA-256 in the listing

/** Bytes that compress badly and differ everywhere, the same for the same seed. */
export function madeBytes(size, seed) {
  const out = Buffer.alloc((size + 3) & ~3);
  let x = (seed * 2654435761 + 1) >>> 0 || 1;
  for (let i = 0; i < out.length; i += 4) {
    x ^= x << 13; x >>>= 0; x ^= x >>> 17; x ^= x << 5; x >>>= 0;
    out.writeUInt32LE(x, i);
  }
  return out.subarray(0, size);
}

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const gitOid = (bytes) => createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
const fileOf = (bytes) => ({ bytes, sha256: sha256(bytes), oid: gitOid(bytes) });

const cors = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'GET, HEAD, OPTIONS, POST',
  'access-control-allow-headers': 'authorization, range, content-type',
  'access-control-max-age': '600',
  // What a page that is cross-origin isolated may load.
  'cross-origin-resource-policy': 'cross-origin',
};
const exposed = 'X-Repo-Commit, X-Error-Code, X-Error-Message, ETag, Link, Accept-Ranges, Content-Range, X-Linked-Size, X-Linked-ETag';

export async function startHub({ port = 0 } = {}) {
  const repos = new Map(); // "owner/name" -> {token, commit, files: Map(path -> file)}
  const plain = new Map();
  let faults = [], log = [], resets = 0;
  const others = []; // hubs that tests asked for, closed with this one
  const sockets = new Set();

  const repoOf = (id) => {
    if (!repos.has(id)) repos.set(id, { token: undefined, commit: sha256(Buffer.from(id)).slice(0, 40), files: new Map() });
    return repos.get(id);
  };
  const put = ({ repo, path, size, seed = 1, text, bytes, from }) => {
    const content = bytes ?? (from ? readFileSync(from) : text !== undefined ? Buffer.from(text) : madeBytes(size, seed));
    const file = fileOf(Buffer.from(content));
    (repo ? repoOf(repo).files : plain).set(path, file);
    return { sha256: file.sha256, size: file.bytes.length };
  };
  const control = async (c) => {
    if (c.put) return put(c.put);
    if (c.remove) return { removed: (c.remove.repo ? repoOf(c.remove.repo).files : plain).delete(c.remove.path) };
    if (c.repo) { repoOf(c.repo.id).token = c.repo.token; return {}; }
    if (c.fault) { faults.push({ times: 1, skip: 0, ...c.fault }); return {}; }
    if (c.reset) { faults = []; log = []; resets++; return {}; }
    if (c.hub) {
      const other = await startHub();
      others.push(other);
      return { url: other.url };
    }
    if (c.log) return { log };
    throw new Error('control: unknown request');
  };

  // The faults that meet this request, merged; each is used up `times` times.
  const faultsFor = (request, url) => {
    let met = {};
    const line = `${request.method} ${decodeURIComponent(url.pathname)}`;
    for (const f of faults) {
      if (f.times <= 0 || !line.includes(f.match ?? '')) continue;
      if (f.skip > 0) { f.skip--; continue; }
      f.times--;
      met = { ...met, ...f };
    }
    const asked = url.searchParams.get('fault');
    return asked ? { ...met, ...JSON.parse(asked) } : met;
  };

  const plainAnswer = (response, status, text, headers = {}) =>
    response.writeHead(status, { ...cors, 'access-control-expose-headers': exposed, 'content-type': 'text/plain', ...headers }).end(text);

  // Sends [first, last] of the bytes in small pieces, in the way that the faults ask for.
  async function sendBody(response, bytes, first, last, fault) {
    let body = bytes.subarray(first, last + 1);
    if (fault.corrupt !== undefined && fault.corrupt >= first && fault.corrupt <= last) {
      body = Buffer.from(body);
      body[fault.corrupt - first] ^= 0x10;
    }
    const end = fault.truncate !== undefined ? Math.max(0, body.length - fault.truncate) : body.length;
    const cut = Math.min(end, fault.drop ?? Infinity, fault.stall ?? Infinity);
    const step = fault.slow ? Math.max(1, Math.floor(fault.slow / 20)) : 64 << 10;
    for (let at = 0; at < cut && !response.destroyed; at += step) {
      const more = response.write(body.subarray(at, Math.min(at + step, cut)));
      if (!more) {
        await new Promise((go) => {
          const done = () => { response.off('drain', done).off('close', done); go(); };
          response.on('drain', done).on('close', done);
        });
      }
      if (fault.slow) await new Promise((go) => setTimeout(go, 50));
    }
    if (fault.drop !== undefined && cut === fault.drop) {
      // What was written is to be read before the connection ends: fetch throws away what waits in a body that breaks.
      setTimeout(() => response.destroy(), 100);
    } else if (fault.stall === undefined || cut !== fault.stall) {
      response.end();
    }
  }

  async function sendFile(request, response, file, fault, headers = {}) {
    const size = file.bytes.length;
    const etag = `"${file.sha256.slice(0, 32)}"`;
    const h = { ...cors, 'access-control-expose-headers': exposed, etag, 'accept-ranges': 'bytes', 'content-type': 'application/octet-stream', ...headers };
    if (fault.hide) { delete h.etag; delete h['access-control-expose-headers']; }
    const m = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    const stale = request.headers['if-range'] !== undefined && request.headers['if-range'] !== etag;
    let first = 0, last = size - 1, status = 200;
    if (m && !fault.ignoreRange && !stale) {
      first = Number(m[1]);
      last = m[2] === '' ? last : Math.min(last, Number(m[2]));
      if (first >= size || last < first) return plainAnswer(response, 416, '', { 'content-range': `bytes */${size}` });
      status = 206;
      h['content-range'] = `bytes ${first}-${last}/${size}`;
    }
    // Without a length a proper end comes where the body ends: what a truncating proxy does.
    if (fault.truncate === undefined) h['content-length'] = String(last - first + 1);
    response.writeHead(status, h);
    if (request.method === 'HEAD') return response.end();
    response.flushHeaders();
    await sendBody(response, file.bytes, first, last, fault);
  }

  const listing = (id, repo) => ({
    id, sha: repo.commit, gated: false, private: repo.token !== undefined,
    siblings: [...repo.files].map(([rfilename, f]) => ({
      rfilename, size: f.bytes.length, blobId: f.oid,
      ...(f.bytes.length >= LARGE ? { lfs: { sha256: f.sha256, size: f.bytes.length, pointerSize: 134 } } : {}),
    })),
  });

  async function answer(request, response, origin) {
    const url = new URL(request.url, origin);
    if (request.method === 'OPTIONS') return response.writeHead(204, cors).end();
    if (url.pathname === '/_control') {
      const parts = [];
      for await (const part of request) parts.push(part);
      return response.writeHead(200, { ...cors, 'content-type': 'application/json' }).end(JSON.stringify(await control(JSON.parse(Buffer.concat(parts)))));
    }
    const late = url.searchParams.has('after') && Number(url.searchParams.get('after')) !== resets;
    if (!late) log.push({ method: request.method, path: decodeURIComponent(url.pathname), range: request.headers.range, authorization: request.headers.authorization, origin: origin === hub.cdnUrl ? 'cdn' : 'hub' });
    const fault = late ? {} : faultsFor(request, url);
    if (fault.delay) {
      await new Promise((go) => {
        const timer = setTimeout(go, fault.delay);
        response.once('close', () => (clearTimeout(timer), go())); // nobody waits any more
      });
    }
    if (fault.status) return plainAnswer(response, fault.status, `fault ${fault.status}`, fault.retryAfter !== undefined ? { 'retry-after': String(fault.retryAfter) } : {});
    if (fault.loop) return plainAnswer(response, 302, '', { location: request.url });

    const path = decodeURIComponent(url.pathname);
    let m, file;
    if ((m = /^\/api\/models\/([^/]+\/[^/]+)\/revision\/(.+)$/.exec(path))) {
      const repo = repos.get(m[1]);
      // The public hub does not tell a missing repository from a private one.
      if (!repo || (repo.token && request.headers.authorization !== `Bearer ${repo.token}`)) return plainAnswer(response, 401, 'Repository not found');
      if (m[2] !== 'main' && m[2] !== repo.commit) return plainAnswer(response, 404, 'Revision not found', { 'x-error-code': 'RevisionNotFound' });
      return response.writeHead(200, { ...cors, 'content-type': 'application/json' }).end(JSON.stringify(listing(m[1], repo)));
    }
    if ((m = /^\/cdn\/([^/]+\/[^/]+)\/(.+)$/.exec(path))) {
      file = repos.get(m[1])?.files.get(m[2]);
      if (!file) return plainAnswer(response, 404, 'no such object');
      if (fault.change !== undefined) repos.get(m[1]).files.set(m[2], (file = fileOf(madeBytes(file.bytes.length, fault.change))));
      return sendFile(request, response, file, fault);
    }
    if ((m = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(path))) {
      const repo = repos.get(m[1]);
      if (!repo) return plainAnswer(response, 401, 'Repository not found');
      if (repo.token) {
        if (!request.headers.authorization) return plainAnswer(response, 401, 'Access is restricted', { 'x-error-code': 'GatedRepo' });
        if (request.headers.authorization !== `Bearer ${repo.token}`) return plainAnswer(response, 403, 'Not on the list', { 'x-error-code': 'GatedRepo' });
      }
      if (m[2] !== 'main' && m[2] !== repo.commit) return plainAnswer(response, 404, 'Revision not found', { 'x-error-code': 'RevisionNotFound' });
      file = repo.files.get(m[3]);
      if (!file) return plainAnswer(response, 404, 'Entry not found', { 'x-error-code': 'EntryNotFound' });
      const linked = { 'x-repo-commit': repo.commit, etag: `"${file.oid}"` };
      if (file.bytes.length < LARGE) return sendFile(request, response, file, fault, linked);
      return plainAnswer(response, 302, '', {
        ...linked, 'x-linked-size': String(file.bytes.length), 'x-linked-etag': `"${file.sha256}"`,
        location: `${hub.cdnUrl}/cdn/${m[1]}/${m[3].split('/').map(encodeURIComponent).join('/')}?signature=${Date.now()}&after=${resets}${url.searchParams.has('fault') ? `&${url.searchParams}` : ''}`,
      });
    }
    if ((m = /^\/plain\/(.+)$/.exec(path))) {
      file = plain.get(m[1]);
      if (!file) return plainAnswer(response, 404, 'no such file');
      if (fault.change !== undefined) plain.set(m[1], (file = fileOf(madeBytes(file.bytes.length, fault.change))));
      return sendFile(request, response, file, fault);
    }
    plainAnswer(response, 404, 'no such address');
  }

  const hub = { put, control, addFault: (f) => control({ fault: f }), reset: () => control({ reset: true }), repo: repoOf };
  Object.defineProperty(hub, 'log', { get: () => log });
  const listen = (which, at) => new Promise((resolve, reject) => {
    const server = createServer((request, response) => {
      answer(request, response, hub[which]).catch((e) => {
        if (response.headersSent) response.destroy();
        else plainAnswer(response, 500, `hub: ${e.message}`);
      });
    });
    server.on('connection', (s) => { sockets.add(s); s.once('close', () => sockets.delete(s)); });
    server.on('error', reject);
    server.listen(at, '127.0.0.1', () => {
      hub[which] = `http://localhost:${server.address().port}`;
      resolve(server);
    });
  });
  const servers = [await listen('url', port), await listen('cdnUrl', 0)];
  hub.close = async () => {
    for (const s of sockets) s.destroy();
    await Promise.all(others.map((other) => other.close()));
    await Promise.all(servers.map((s) => new Promise((done) => s.close(done))));
  };
  return hub;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values } = parseArgs({ options: { port: { type: 'string', default: '0' } } });
  const hub = await startHub({ port: Number(values.port) });
  console.log(hub.url);
}
