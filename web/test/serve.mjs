// The built page on a port of its own, as anybody would serve it.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { stop } from '../../js/test/browser/harness/process.mjs';

export const root = fileURLToPath(new URL('../../', import.meta.url));

/** Serves `folder` by web/serve.mjs; resolves when it listens. `port` 0: a free one. */
export async function serve(folder, { isolated = false, port = 0, host = 'localhost' } = {}) {
  const child = spawn(process.execPath, [path.join(root, 'web/serve.mjs'), '--root', folder, '--port', String(port), '--host', host, ...(isolated ? ['--isolated'] : [])], { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  const url = await new Promise((resolve, reject) => {
    child.stdout.once('data', (line) => resolve(String(line).trim()));
    child.once('exit', (code) => reject(new Error(`web/serve.mjs ended with ${code}`)));
  });
  return { url, port: Number(new URL(url).port), root: folder, close: () => stop(child) };
}
