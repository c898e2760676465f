// Galago and wllama (llama.cpp in wasm) in turns, in the same Chromium, on the CPU, with the same GGUF.
//
//   node js/bench/wllama.mjs [--model demo|synthetic:qwen3.5-0.8b|FILE.gguf] [--threads N] [--rounds N] [--prompt N] [--tokens N] [--json]
//
// Installs wllama into js/bench/peers. A synthetic model is written once as q4_0 to build/peers. More than one thread: both in a
// cross-origin isolated page. Each round opens a new browser for each engine; the median of the rounds is shown.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { root } from '../test/browser/harness/server.mjs';
import { measureInPage } from './host.mjs';
import { median } from './standard.mjs';

const { values: o } = parseArgs({
  options: {
    model: { type: 'string', default: 'synthetic:qwen3.5-0.8b' }, threads: { type: 'string', default: '1' }, rounds: { type: 'string', default: '3' },
    prompt: { type: 'string', default: '256' }, tokens: { type: 'string', default: '32' }, engines: { type: 'string', default: 'galago,wllama' },
    json: { type: 'boolean', default: false },
  },
});
const peers = fileURLToPath(new URL('./peers', import.meta.url));
if (!existsSync(path.join(peers, 'node_modules/@wllama/wllama')))
  execFileSync('npm', ['ci', '--ignore-scripts', '--loglevel=error'], { cwd: peers, stdio: ['ignore', 'ignore', 'inherit'] });

function modelFile() {
  if (o.model === 'demo') return path.join(root, 'models/demo/demo.gguf');
  if (!o.model.startsWith('synthetic:')) return path.resolve(o.model);
  const folder = path.join(root, 'build/peers');
  // The file that bench/peers measures too.
  const file = path.join(folder, o.model === 'synthetic:qwen3.5-0.8b' ? 'model.gguf' : `${o.model.slice('synthetic:'.length)}-q4_0.gguf`);
  mkdirSync(folder, { recursive: true });
  if (!existsSync(file)) execFileSync(path.join(root, 'build/galago'), ['convert', o.model, file, '--dtype', 'q4_0', '--quiet'], { stdio: 'inherit' });
  return file;
}

const file = modelFile();
const threads = Number(o.threads);
const seen = {};
for (let round = 0; round < Number(o.rounds); round++) {
  for (const engine of o.engines.split(',')) {
    const { result, version, memory } = await measureInPage({
      host: 'chromium', device: 'cpu', mode: threads > 1 ? 'isolated' : 'plain', job: '/js/bench/wllama_page.mjs', seconds: 1800,
      page: { engine, model: `/peers/model/${path.basename(file)}`, threads, prompt: Number(o.prompt), tokens: Number(o.tokens), reps: 1 },
      mounts: { 'peers/wllama/': path.join(peers, 'node_modules/@wllama/wllama/esm'), 'peers/model/': path.dirname(file) },
      onStage: () => {},
    });
    (seen[engine] ??= []).push({ ...result, peak_bytes: memory.peak, version });
    if (!o.json) console.error(`round ${round + 1}: ${engine} prefill ${result.prefill.toFixed(2)}, decode ${result.decode.toFixed(2)} tok/s`);
  }
}
const summary = Object.entries(seen).map(([engine, runs]) => ({
  engine, model: o.model, threads, rounds: runs.length, prompt_tokens: runs[0].prompt_tokens, browser: runs[0].version,
  ...Object.fromEntries(['prefill', 'decode', 'load_ms', 'peak_bytes'].map((k) => [k, median(runs.map((r) => r[k]))])),
}));
if (o.json) console.log(JSON.stringify(summary));
else {
  console.log(`${o.model}, ${threads} thread${threads > 1 ? 's' : ''}, ${o.rounds} rounds, ${summary[0].browser}; median\n`);
  console.log('| | prefill tok/s | decode tok/s | load s | peak memory of the browser, MB |\n| --- | ---: | ---: | ---: | ---: |');
  for (const s of summary) console.log(`| ${s.engine} | ${s.prefill.toFixed(1)} | ${s.decode.toFixed(2)} | ${(s.load_ms / 1e3).toFixed(1)} | ${(s.peak_bytes / 1e6).toFixed(0)} |`);
}
