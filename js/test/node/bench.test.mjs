// js/bench/run.mjs prints what `galago bench --json` prints: the same names and kinds of values, of the same text and picture.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { root } from './lib.mjs';

const json = (program, ...args) => JSON.parse(execFileSync(program, [...args, '--model', 'demo', '--device', 'cpu', '--threads', '1', '--reps', '1', '--json', '--quiet'], { cwd: root, encoding: 'utf8' }));
// Every value of an object by its path, as in prefill.256.
const flat = (o, at = '') => Object.entries(o).flatMap(([k, v]) => (typeof v === 'object' ? flat(v, `${at}${k}.`) : [[at + k, v]]));

export const tests = {
  'the same JSON as the native program\'s': () => {
    const native = flat(json(path.join(root, process.env.BUILD ?? 'build', 'galago'), 'bench'));
    const here = new Map(flat(json(process.execPath, 'js/bench/run.mjs', '--host', 'node')));
    assert(native.length > 15);
    for (const [key, value] of native) {
      assert.equal(typeof here.get(key), typeof value, key);
      if (typeof value === 'number') assert(here.get(key) > 0, key);
      if (['model', 'dtype', 'reps', 'image.width', 'image.height', 'image.prompt_tokens', 'memory.weights_bytes'].includes(key)) assert.equal(here.get(key), value, key);
    }
  },
};
