// What another GGUF reader makes of our files: converts the tiny models to GGUF, lets llama.cpp (npm node-llama-cpp, with its
// prebuilt libraries) tokenize a prompt and continue it greedily, and compares both with galago's own.
//
//     npm install --prefix /some/folder node-llama-cpp
//     node tests/peers/llama_cpp.mjs build/galago /some/folder
//
// tiny-c is left out: its linear heads have values of another size than keys, which that reader does not allow for.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const [galago, peer] = process.argv.slice(2);
if (!galago || !peer) {
    console.error('usage: llama_cpp.mjs GALAGO FOLDER_WITH_NODE_MODULES');
    process.exit(1);
}
const entry = createRequire(join(resolve(peer), 'x.js')).resolve('node-llama-cpp');
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(entry));
const llama = await getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.error });

const prompt = '<|im_start|>user\nHello there, wörld 123<|im_end|>\n<|im_start|>assistant\n';
const steps = 16;
const folder = mkdtempSync(join(tmpdir(), 'galago-peer-'));
let failed = 0;

for (const name of ['tiny-a', 'tiny-b', 'tiny-d']) {
    const file = join(folder, `${name}.gguf`);
    execFileSync(galago, ['convert', `tests/data/golden/${name}`, file, '--dtype', 'f32', '--quiet']);
    const ours = JSON.parse(execFileSync(galago, ['run', '--model', file, '--dtype', 'f32', '--raw', '--prompt', prompt,
        '--temperature', '0', '--max-tokens', String(steps), '--ignore-eos', '--json'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
    const tokenized = JSON.parse(execFileSync(galago, ['tokenize', '--model', file, '--raw', '--json', prompt],
        { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));

    const model = await llama.loadModel({ modelPath: file });
    const context = await model.createContext({ contextSize: 256, threads: 2 });
    const ids = model.tokenize(prompt, true);
    const theirs = [];
    for await (const id of context.getSequence().evaluate(ids, { temperature: 0 })) {
        theirs.push(id);
        if (theirs.length === steps) break;
    }
    await context.dispose();
    await model.dispose();

    const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
    const prompt_ids = tokenized.ids ?? tokenized.token_ids ?? tokenized;
    const ok = same(prompt_ids, ids) && same(ours.token_ids, theirs);
    console.log(`${name}: ${ok ? 'same' : 'DIFFERENT'}`);
    if (!ok) {
        console.log('  prompt ours', prompt_ids, 'theirs', ids);
        console.log('  answer ours', ours.token_ids, 'theirs', theirs);
        failed++;
    }
}
rmSync(folder, { recursive: true });
process.exit(failed ? 1 : 0);
