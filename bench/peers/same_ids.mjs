// Greedy ids of llama.cpp (npm node-llama-cpp) after a prompt given as ids. See check_gguf.sh.
//
//     node same_ids.mjs NODE_MODULES MODEL.gguf '[1,2,3]' COUNT
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, path, prompt, count] = process.argv.slice(2);
const { getLlama } = await import(pathToFileURL(join(resolve(modules), "node-llama-cpp/dist/index.js")));
const llama = await getLlama({ gpu: false, build: "never", logLevel: "error" });
const model = await llama.loadModel({ modelPath: path, gpuLayers: 0 });
const context = await model.createContext({ contextSize: 512, threads: 2, flashAttention: false });
const ids = [];
for await (const id of context.getSequence().evaluate(JSON.parse(prompt), { temperature: 0, yieldEogToken: true }))
    if (ids.push(id) === Number(count)) break;
console.log(JSON.stringify(ids));
process.exit(0); // its native threads would keep the program alive
