// Chromium, headless, through playwright-core. WebGPU is SwiftShader's: a software adapter, slow and always there.
import { mkdtemp, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export const name = 'chromium';

const binary = () => process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
export const missing = () => (binary() ? [] : ['chromium']);

const flags = [
  '--no-sandbox',
  '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run', '--disable-quic',
  '--enable-precise-memory-info', '--js-flags=--expose-gc',
  // A page in the background of another must not be slowed down.
  '--disable-background-timer-throttling', '--disable-backgrounding-occluded-windows', '--disable-renderer-backgrounding',
];

// What only a GPU run needs: without it `device: 'auto'` takes the CPU, as it does on a machine without a GPU.
const gpuFlags = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', '--enable-features=Vulkan', '--ignore-gpu-blocklist'];

// `extension`: a folder to load as an unpacked extension; `args`: further flags.
export async function launch({ device = 'cpu', extension, args: more = [] } = {}) {
  const { chromium } = await import('playwright-core');
  const profile = await mkdtemp(path.join(tmpdir(), 'galago-chromium-'));
  const args = process.env.CHROMIUM_FLAGS?.split(' ') ?? [...flags, ...(device === 'gpu' ? gpuFlags : []), ...more];
  if (extension) args.push(`--disable-extensions-except=${extension}`, `--load-extension=${extension}`);
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: binary(), headless: true, args, viewport: { width: 1280, height: 800 },
    ...(extension ? { ignoreDefaultArgs: ['--disable-extensions'] } : {}),
  });
  const version = context.browser()?.version() ?? '';
  return {
    version: `Chromium ${version}`,
    context, // for tests of pages that press keys and take pictures
    async open(url, onStray) {
      const page = await context.newPage();
      page.on('crash', () => onStray('the page crashed'));
      page.on('console', (m) => m.type() === 'error' && onStray(`console: ${m.text()}`, true));
      await page.goto(url);
      return { close: () => page.close() };
    },
    async close() {
      await context.close();
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
