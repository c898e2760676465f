// Firefox, headless, with a new profile. WebGPU is wgpu's on Mesa's lavapipe, a second implementation
// beside Dawn: with shader-f16 and without subgroups, the opposite of Chromium's SwiftShader.
// Started by its command line alone: results come back over HTTP, so nothing needs to drive it.
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stop, versionOf } from './process.mjs';

export const name = 'firefox';

const binary = () => process.env.FIREFOX ?? ['/usr/bin/firefox-esr', '/usr/bin/firefox'].find(existsSync);
export const missing = () => [
  ...(binary() ? [] : ['firefox-esr']),
  ...(existsSync('/usr/share/vulkan/icd.d/lvp_icd.x86_64.json') || existsSync('/usr/share/vulkan/icd.d/lvp_icd.aarch64.json') ? [] : ['mesa-vulkan-drivers']),
];

const preferences = (gpu) => ({
  'dom.webgpu.enabled': gpu,
  'gfx.webgpu.ignore-blocklist': gpu,
  'browser.shell.checkDefaultBrowser': false,
  'browser.aboutwelcome.enabled': false,
  'browser.startup.homepage_override.mstone': 'ignore',
  'datareporting.policy.dataSubmissionEnabled': false,
  'toolkit.telemetry.reportingpolicy.firstRun': false,
  'toolkit.telemetry.enabled': false,
  'app.update.auto': false,
  'app.normandy.enabled': false,
  'extensions.update.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'services.settings.server': 'data:,', // no lists fetched in the background
  'media.gmp-manager.updateEnabled': false,
  'security.sandbox.content.level': process.getuid?.() === 0 ? 0 : 4,
  'dom.max_script_run_time': 0,
});

async function start(device, url, onExit) {
  const profile = await mkdtemp(path.join(tmpdir(), 'galago-firefox-'));
  const lines = Object.entries(preferences(device === 'gpu')).map(([k, v]) => `user_pref(${JSON.stringify(k)}, ${JSON.stringify(v)});`);
  await writeFile(path.join(profile, 'user.js'), lines.join('\n'));
  const child = spawn(binary(), ['--headless', '--no-remote', '--profile', profile, url], {
    stdio: 'ignore', detached: true, env: { ...process.env, MOZ_CRASHREPORTER_DISABLE: '1', HOME: profile },
  });
  let closing = false;
  child.on('exit', (code, signal) => closing || onExit(`firefox ended by itself (${signal ?? code})`));
  return {
    pid: child.pid,
    async close() {
      closing = true;
      await stop(child);
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

// A page that has ended asks POST /next where to go: so one Firefox serves all suites, one after another.
export async function launch({ device }) {
  let running = null, waiting = null, onStray = () => {};
  const end = async () => {
    await running?.close();
    running = waiting = null;
  };
  return {
    version: await versionOf(binary()),
    next: () => new Promise((resolve) => (waiting = resolve)),
    async open(url, stray) {
      onStray = stray;
      if (running && waiting) {
        waiting(url);
        waiting = null;
      } else {
        await end();
        running = await start(device, url, (message) => onStray(message));
      }
      return { pid: running.pid, close: (hung) => (hung ? end() : undefined) };
    },
    close: end,
  };
}
