// Chromium, headless, through playwright-core. WebGPU is SwiftShader's: a software adapter, slow and always there.
import { mkdtemp, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export const name = 'chromium';

const binary = () => process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
export const missing = () => (binary() ? [] : ['chromium']);

const flags = [
  '--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', '--enable-features=Vulkan', '--ignore-gpu-blocklist',
  '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run', '--disable-quic',
  '--enable-precise-memory-info', '--js-flags=--expose-gc',
  // Else a measurement of all heaps waits for a collection that nobody asked for: 20 s each.
  '--enable-blink-features=ForceEagerMeasureMemory',
  // A page in the background of another must not be slowed down.
  '--disable-background-timer-throttling', '--disable-backgrounding-occluded-windows', '--disable-renderer-backgrounding',
];

export async function launch() {
  const { chromium } = await import('playwright-core');
  const profile = await mkdtemp(path.join(tmpdir(), 'galago-chromium-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: binary(), headless: true, args: process.env.CHROMIUM_FLAGS?.split(' ') ?? flags, viewport: { width: 1280, height: 800 },
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
