// Opens one page in a browser for a measurement: Chromium or Firefox, started by its command line with a new profile, so that
// nothing but the browser is needed. $CHROMIUM and $CHROMIUM_FLAGS name another Chromium and its flags, $FIREFOX a Firefox.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stop, versionOf } from '../test/browser/harness/process.mjs';
import * as firefox from '../test/browser/harness/firefox.mjs';

// Without a GPU: SwiftShader, so that the program can be tried anywhere. Its figures say nothing.
const software = [
  '--headless=new', '--no-sandbox', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
  '--enable-unsafe-webgpu', '--ignore-gpu-blocklist', '--use-webgpu-adapter=swiftshader', '--enable-features=Vulkan',
];
// What a measurement needs whatever $CHROMIUM_FLAGS says: a page that is not slowed down, a process that stays, timestamps that are not rounded.
const always = ['--remote-debugging-port=0', '--disable-background-timer-throttling', '--disable-renderer-backgrounding',
  '--disable-backgrounding-occluded-windows', '--enable-dawn-features=allow_unsafe_apis'];

async function openChromium(url) {
  const binary = process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/google-chrome'].find(existsSync);
  if (!binary) throw new Error('no Chromium: install it (apt-get install chromium) or set $CHROMIUM');
  const profile = mkdtempSync(path.join(tmpdir(), 'galago-bench-'));
  const flags = process.env.CHROMIUM_FLAGS?.trim().split(/\s+/) ?? software;
  const child = spawn(binary, [...flags, ...always, `--user-data-dir=${profile}`, url], { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
  let said = '';
  child.stderr.on('data', (d) => (said = (said + d).slice(-4000)));
  const ended = new Promise((_, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => reject(new Error(`Chromium ended by itself (${signal ?? code}):\n${said}`)));
  });
  ended.catch(() => {}); // it may also end when it is told to
  return {
    pid: child.pid, ended, version: await versionOf(binary),
    async close() {
      await stop(child);
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function openFirefox(url, device) {
  const lacking = firefox.missing();
  if (lacking.length) throw new Error(`no Firefox: apt-get install ${lacking.join(' ')}`);
  let failed;
  const ended = new Promise((_, reject) => (failed = reject));
  ended.catch(() => {});
  const instance = await firefox.launch({ device });
  const page = await instance.open(url, (message) => failed(new Error(message)));
  return { pid: page.pid, ended, version: instance.version, close: instance.close };
}

export const openPage = (host, url, device) => (host === 'firefox' ? openFirefox(url, device) : openChromium(url));

// Bytes that the process `pid` and all its descendants hold: proportional shares of what they share. NaN where /proc is missing.
export function treeBytes(pid) {
  try {
    const children = new Map();
    for (const entry of readdirSync('/proc')) {
      if (!/^\d+$/.test(entry)) continue;
      try {
        const parent = Number(readFileSync(`/proc/${entry}/stat`, 'utf8').replace(/.*\) /s, '').split(' ')[1]);
        children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
      } catch {
        // it has ended meanwhile
      }
    }
    let bytes = 0;
    for (const queue = [pid]; queue.length; ) {
      const one = queue.pop();
      queue.push(...(children.get(one) ?? []));
      try {
        bytes += 1024 * Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${one}/smaps_rollup`, 'utf8'))[1]);
      } catch {
        // it has ended meanwhile, or belongs to another user
      }
    }
    return bytes;
  } catch {
    return NaN;
  }
}
