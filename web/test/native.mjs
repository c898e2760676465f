// What the native program says about a picture: the words that the page must give, too.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { root } from './serve.mjs';

const galago = path.join(root, process.env.BUILD ?? 'build', 'galago');
export const missing = () => (existsSync(galago) ? null : `${galago} is not built: run make`);

const said = new Map();
/** The answer for pictures (paths) and a question, greedy, on the CPU; by the demo model, or another one (a path) as `dtype`. */
export function words(pictures, prompt = 'Describe this image.', { tokens = 512, model = null, dtype = null, isa = null } = {}) {
  const list = [pictures].flat(), key = JSON.stringify([list, prompt, tokens, model, dtype, isa]);
  const more = [...(model ? ['--model', model] : []), ...(dtype ? ['--dtype', dtype] : []), ...(isa ? ['--cpu-isa', isa] : [])];
  if (!said.has(key)) {
    const out = execFileSync(galago, ['run', '--device', 'cpu', '--quiet', '--json', '--max-tokens', String(tokens), ...more, '--prompt', prompt, ...list.flatMap((p) => ['--image', p])], { encoding: 'utf8' });
    said.set(key, JSON.parse(out).text.trim());
  }
  return said.get(key);
}

export const sample = (n) => path.join(root, `models/demo/samples/shapes-${n}.png`);
export const data = (name) => path.join(root, 'tests/data/images', name);
