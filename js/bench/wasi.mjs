// Runs WASI programs (bench/ops.c and bench/matmul.c, built by tests/wasm/Makefile) in a page of Chromium, whose compiler is not Node's.
//
//   node js/bench/wasi.mjs [--rounds N] PROGRAM.wasm[,OTHER.wasm...] [ARGUMENT...]
//
// The page is cross-origin isolated: only such a page's clock has steps of 5 us. Several programs take turns, N rounds of them (1), so that builds of before and after are measured in the same minutes.
import path from 'node:path';
import { measureInPage } from './host.mjs';

const argv = process.argv.slice(2);
const rounds = argv[0] === '--rounds' ? Number(argv.splice(0, 2)[1]) : 1;
const [programs, ...args] = argv;
if (!programs || !(rounds >= 1)) {
  console.error('usage: node js/bench/wasi.mjs [--rounds N] PROGRAM.wasm[,OTHER.wasm...] [ARGUMENT...]');
  process.exit(2);
}
const files = programs.split(',');
const mounts = Object.fromEntries(files.map((file, i) => [`program${i}/`, path.resolve(path.dirname(file))]));
const page = { files: files.map((file, i) => `/program${i}/${path.basename(file)}`), names: files, args, rounds };
const { version } = await measureInPage({
  host: 'chromium', device: 'cpu', mode: 'isolated', job: '/js/bench/wasi_page.mjs', page, mounts, onStage: (line) => console.log(line),
});
console.log(version);
process.exit(0);
