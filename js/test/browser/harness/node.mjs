// Node.js: each suite in a process of its own. WebGPU is Dawn's (npm package `webgpu`) on the SwiftShader of Chromium.
import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { stop } from './process.mjs';

export const name = 'node';

// $VK_ICD_FILENAMES or $VK_DRIVER_FILES name another driver where they are set.
const swiftshader = ['/usr/lib/chromium/vk_swiftshader_icd.json', '/usr/lib/chromium-browser/vk_swiftshader_icd.json'].find(existsSync);
const named = process.env.VK_ICD_FILENAMES ?? process.env.VK_DRIVER_FILES;
// Dawn's module as the package's option `webgpu` takes it.
const dawn = () => process.env.DAWN ?? createRequire(import.meta.url).resolve('webgpu');
export const missing = () => (named || swiftshader ? [] : ['chromium']);

export async function launch({ device }) {
  const env = { ...process.env };
  if (device === 'gpu' && !named) env.VK_ICD_FILENAMES = swiftshader;
  env.XDG_RUNTIME_DIR ??= tmpdir(); // the Vulkan loader asks for one
  return {
    version: `Node.js ${process.version}`,
    async open({ suite, env: test, run }, onStray, onReport) {
      const child = fork(fileURLToPath(new URL('./node_host.mjs', import.meta.url)), [], { env, detached: true, execArgv: ['--expose-gc'] });
      let ended = false;
      child.on('message', (m) => {
        ended ||= m.type === 'end';
        onReport({ run, ...m });
      });
      child.on('exit', (code, signal) => ended || onStray(`the process ended by itself (${signal ?? code})`));
      child.send({ suite, env: { ...test, webgpu: device === 'gpu' ? dawn() : undefined } });
      return { close: () => ((ended = true), stop(child)) };
    },
    async close() {},
  };
}
