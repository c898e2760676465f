// The examples as they stand in js/examples, each used once with a picture: the words must be the native ones.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { root, startServers } from '../harness/server.mjs';

const examples = path.join(root, 'js/examples');
const picture = path.join(root, 'models/demo/samples/shapes-2.png');
const words = (t) => t.env.expected(['shapes-2.png'], 'Describe this image.').text;

async function describesIn(t, folder, mode = 'csp') {
  const servers = await startServers(() => {}, { 'app/galago/': path.join(root, 'js/dist'), 'app/': folder });
  const page = await t.env.context.newPage();
  const complaints = [];
  page.on('console', (m) => m.type() === 'error' && complaints.push(m.text()));
  page.on('pageerror', (e) => complaints.push(String(e)));
  try {
    await page.goto(`${servers.origins[mode]}/app/index.html`);
    await page.waitForSelector('input:enabled', { timeout: 300000 }).catch(async () => {
      t.fail(`the page says ${JSON.stringify(await page.textContent('#words'))}; ${complaints.join(' | ')}`);
    });
    await page.setInputFiles('input', picture);
    await page.waitForFunction((text) => document.getElementById('words').textContent === text, words(t), { timeout: 500000 }).catch(async () => {
      t.fail(`the page says ${JSON.stringify(await page.textContent('#words'))}`);
    });
    t.equal(complaints, []);
  } finally {
    await page.close();
    await servers.close();
  }
}

export const tests = {
  'a page without a bundler, under the policy it shows': { seconds: 180, run: (t) => describesIn(t, path.join(examples, 'plain')) },
  'a worker of the application\'s own': { seconds: 180, run: (t) => describesIn(t, path.join(examples, 'worker')) },

  'Node.js': {
    seconds: 120,
    run: async (t) => {
      // What npm install makes of "file:../..", without npm.
      const modules = path.join(examples, 'node/node_modules');
      mkdirSync(modules, { recursive: true });
      rmSync(path.join(modules, 'galago'), { force: true, recursive: true });
      symlinkSync(path.join(root, 'js'), path.join(modules, 'galago'));
      const said = execFileSync(process.execPath, [path.join(examples, 'node/describe.mjs'), picture], { encoding: 'utf8', timeout: 500000 });
      t.equal(said, `${words(t)}\n`);
    },
  },

  'Vite: built and used': {
    seconds: 300,
    unless: (env) => (env.quick ? 'quick' : undefined),
    run: async (t) => {
      const vite = path.join(examples, 'vite');
      const npm = (...args) => execFileSync('npm', args, { cwd: vite, stdio: ['ignore', 'pipe', 'pipe'], timeout: 1000000 });
      if (!existsSync(path.join(vite, 'node_modules/vite'))) npm('install', '--ignore-scripts', '--loglevel=error');
      rmSync(path.join(vite, 'dist'), { recursive: true, force: true });
      npm('run', 'build', '--', '--base=./');
      await describesIn(t, path.join(vite, 'dist'));
    },
  },
};
