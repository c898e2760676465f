// WebKitGTK: its MiniBrowser driven by WebKitWebDriver over plain WebDriver HTTP, under Xvfb.
// The engine of Safari without its WebGPU, and here without SharedArrayBuffer and OPFS: the CPU path and the poorest storage.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stop } from './process.mjs';

export const name = 'webkit';

const driver = '/usr/bin/WebKitWebDriver';
const miniBrowser = () =>
  ['x86_64-linux-gnu', 'aarch64-linux-gnu'].flatMap((arch) => ['4.1', '4.0', '6.0'].map((v) => `/usr/lib/${arch}/webkit2gtk-${v}/MiniBrowser`)).find(existsSync);
export const missing = () => [
  ...(existsSync(driver) && miniBrowser() ? [] : ['webkit2gtk-driver']),
  ...(existsSync('/usr/bin/xvfb-run') ? [] : ['xvfb', 'xauth']),
];

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

// `args`: further flags of MiniBrowser's.
export async function launch({ args = [] } = {}) {
  const port = await freePort();
  const home = await mkdtemp(path.join(tmpdir(), 'galago-webkit-'));
  const child = spawn('xvfb-run', ['-a', '-s', '-screen 0 1280x1000x24', driver, `--port=${port}`], {
    stdio: 'ignore', detached: true,
    env: { ...process.env, HOME: home, XDG_DATA_HOME: home, XDG_CACHE_HOME: home, XDG_CONFIG_HOME: home, LIBGL_ALWAYS_SOFTWARE: '1', NO_AT_BRIDGE: '1' },
  });
  const call = async (method, route, body) => {
    const response = await fetch(`http://127.0.0.1:${port}${route}`, { method, body: body && JSON.stringify(body) });
    const { value } = await response.json();
    if (!response.ok) throw new Error(`WebDriver ${route}: ${value?.error}: ${value?.message}`);
    return value;
  };
  let up = false;
  for (let i = 0; i < 1200 && !up; i++) {
    up = await fetch(`http://127.0.0.1:${port}/status`).then((r) => r.ok, () => false);
    if (!up) await new Promise((resolve) => setTimeout(resolve, 100));
  }
  if (!up) {
    await stop(child);
    throw new Error('WebKitWebDriver did not start within two minutes');
  }
  const options = { binary: miniBrowser(), args: ['--automation', ...args] };
  let version = 'WebKitGTK', session = null;
  return {
    get version() {
      return version;
    },
    // One window for all suites, one after another: what hung is closed and opened anew.
    async open(url) {
      if (!session) {
        const made = await call('POST', '/session', { capabilities: { alwaysMatch: { 'webkitgtk:browserOptions': options } } });
        session = `/session/${made.sessionId}`;
        version = `${made.capabilities.browserName} ${made.capabilities.browserVersion}`;
      }
      await call('POST', `${session}/url`, { url });
      return {
        async close(hung) {
          if (!hung) return;
          const old = session;
          session = null;
          await call('DELETE', old);
        },
      };
    },
    // Any command of the session, for tests that press keys and take pictures.
    call: (method, route, body) => call(method, session + route, body),
    async close() {
      if (session) await call('DELETE', session).catch(() => {});
      await stop(child);
      await rm(home, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
