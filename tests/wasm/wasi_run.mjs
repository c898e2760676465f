// Runs a WASI program: node tests/wasm/wasi_run.mjs PROGRAM.wasm [ARGUMENT...]
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { WASI } from 'node:wasi';

const [program, ...args] = process.argv.slice(2);
const bytes = readFileSync(program);
// Up to Node 20 relaxed SIMD is behind a flag.
if (!WebAssembly.validate(bytes)) setFlagsFromString('--experimental-wasm-relaxed-simd');
const wasi = new WASI({ version: 'preview1', args: [program, ...args], env: {}, returnOnExit: true });
// Held from outside: Node collects it while the program runs, and ends itself.
globalThis.running = wasi;
const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), wasi.getImportObject());
process.exit(wasi.start(instance));
