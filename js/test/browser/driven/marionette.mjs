// A Firefox that a test drives: its own remote protocol over a socket, as much of it as the extension's test needs.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stop } from '../harness/process.mjs';

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const binary = () => process.env.FIREFOX ?? ['/usr/bin/firefox-esr', '/usr/bin/firefox'].find(existsSync);

async function portOf(profile) {
  const file = path.join(profile, 'MarionetteActivePort');
  for (let i = 0; i < 1200; i++) {
    if (existsSync(file) && readFileSync(file, 'utf8').trim()) return Number(readFileSync(file, 'utf8'));
    await sleep(100);
  }
  throw new Error('Firefox did not begin to listen within two minutes');
}

/** Messages are JSON with their length before them: [0, id, name, parameters] out, [1, id, error, result] back, after a greeting. */
function talk(socket) {
  const waiting = new Map();
  let rest = Buffer.alloc(0), count = 0;
  socket.on('data', (data) => {
    rest = Buffer.concat([rest, data]);
    for (let colon; (colon = rest.indexOf(':')) > 0; ) {
      const end = colon + 1 + Number(rest.subarray(0, colon));
      if (rest.length < end) return;
      const message = JSON.parse(rest.subarray(colon + 1, end));
      rest = rest.subarray(end);
      if (!Array.isArray(message)) continue;
      const [, id, error, result] = message;
      if (error) waiting.get(id)?.reject(new Error(error.message));
      else waiting.get(id)?.resolve(result);
      waiting.delete(id);
    }
  });
  return (name, parameters = {}) => new Promise((resolve, reject) => {
    waiting.set(++count, { resolve, reject });
    const text = JSON.stringify([0, count, name, parameters]);
    socket.write(`${Buffer.byteLength(text)}:${text}`);
  });
}

/** `preferences`: name -> value. Gives `send` (the protocol's commands), `run` (a script in the current page), `privileged` (one in the browser itself, with await), `close`. */
export async function launchFirefox(preferences = {}) {
  const profile = mkdtempSync(path.join(tmpdir(), 'galago-firefox-'));
  const all = { 'marionette.port': 0, 'browser.shell.checkDefaultBrowser': false, 'browser.aboutwelcome.enabled': false, 'datareporting.policy.dataSubmissionEnabled': false,
    'services.settings.server': 'data:,', 'security.sandbox.content.level': process.getuid?.() === 0 ? 0 : 4, ...preferences };
  writeFileSync(path.join(profile, 'user.js'), Object.entries(all).map(([k, v]) => `user_pref(${JSON.stringify(k)}, ${JSON.stringify(v)});`).join('\n'));
  const child = spawn(binary(), ['--headless', '--no-remote', '--marionette', '--remote-allow-system-access', '--profile', profile],
    { stdio: 'ignore', detached: true, env: { ...process.env, MOZ_CRASHREPORTER_DISABLE: '1', HOME: profile } });
  let socket;
  const close = async () => {
    socket?.destroy();
    await stop(child);
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    socket = net.connect(await portOf(profile), '127.0.0.1');
    const send = talk(socket);
    await send('WebDriver:NewSession', { capabilities: { alwaysMatch: {} } });
    const within = async (context, name, parameters) => {
      await send('Marionette:SetContext', { value: context });
      return (await send(name, parameters)).value;
    };
    return {
      send, close,
      run: (script, ...args) => within('content', 'WebDriver:ExecuteScript', { script, args }),
      privileged: (script, ...args) => within('chrome', 'WebDriver:ExecuteAsyncScript', {
        script: `const done = arguments[arguments.length - 1], args = [...arguments]; (async () => { ${script} })().then((value) => done({ value }), (error) => done({ error: String(error) }));`, args,
      }).then(({ value, error }) => (error ? Promise.reject(new Error(error)) : value)),
    };
  } catch (error) {
    await close();
    throw error;
  }
}
