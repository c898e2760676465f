// What the tests in Node.js share.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { pipeline } from '../../dist/node.js';

export const root = fileURLToPath(new URL('../../../', import.meta.url));
export const sample = (n) => path.join(root, `models/demo/samples/shapes-${n}.png`);
export const gallery = (name) => path.join(root, 'models/demo/gallery', `${name}.png`);
export const image = (name) => path.join(root, 'tests/data/images', name);
export const dist = path.join(root, 'js/dist/node.js');

const shared = new Map(), folders = [];
/** One pipeline on the demo model for each task: most tests need no more. */
export function demo(task = 'image-to-text') {
  if (!shared.has(task)) shared.set(task, pipeline(task, 'demo', { device: 'cpu' }));
  return shared.get(task);
}
export function folder() {
  const dir = mkdtempSync(path.join(tmpdir(), 'galago-node-'));
  folders.push(dir);
  return dir;
}
export async function cleanUp() {
  for (const vl of shared.values()) await (await vl.catch(() => null))?.dispose();
  for (const dir of folders) rmSync(dir, { recursive: true, force: true });
}

/** The words that the demo model has for a sample: "a red ring" and the like, as its own tests know them. */
export const words = { 1: 'An orange square, a blue square, a green hexagon, a purple diamond, a red ring and a pink heart.' };

/** The promise is refused with this code (or an AbortError) and a message that says this. */
export async function refused(promise, code, message) {
  let error = null, result;
  try {
    result = await promise;
  } catch (e) {
    error = e;
  }
  assert(error, `it was not refused but gave ${JSON.stringify(result)?.slice(0, 200)}`);
  assert.equal(code === 'AbortError' ? error.name : error.code, code, `${error.name}: ${error.message}`);
  if (message) assert.match(error.message, message);
  return error;
}

/** Runs a module's text in a process of its own, in which `galago` is the package. */
export function node(text, { args = [], env = {}, seconds = 300 } = {}) {
  const source = text.replaceAll("from 'galago'", `from ${JSON.stringify(dist)}`);
  const r = spawnSync(process.execPath, [...args, '--input-type=module', '-e', source], { encoding: 'utf8', timeout: seconds * 1000, env: { ...process.env, ...env } });
  return { code: r.signal ?? r.status, out: r.stdout, err: r.stderr };
}
export const read = (file) => readFileSync(file);
