// Times the graph of onnx_chain.mjs: one JSON object with milliseconds of a step of 256, 1,024 and 1 rows.
//
//     node onnx_measure.mjs MODEL.onnx THREADS ONNXRUNTIME_NODE
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [model, threads, runtime] = process.argv.slice(2);
const ort = createRequire(import.meta.url)(runtime);

const median = (v) => v.sort((a, b) => a - b)[v.length >> 1];
const started = performance.now();
const session = await ort.InferenceSession.create(model, { intraOpNumThreads: Number(threads), interOpNumThreads: 1 });
const load_ms = performance.now() - started;

async function step_ms(T, n) {
    const values = new Float32Array(T * 1024).map((_, i) => Math.sin(i));
    const feeds = { x: new ort.Tensor("float32", values, [T, 1024]) };
    const times = [];
    for (let i = 0; i <= n; i++) {
        const t = performance.now();
        const { logits } = await session.run(feeds);
        if (i) times.push(performance.now() - t); // the first warms up
        if (logits.data.some((x) => !Number.isFinite(x))) throw new Error("the graph's output is not finite");
    }
    return median(times);
}
const step = { 256: await step_ms(256, 3), 1024: await step_ms(1024, 1), 1: await step_ms(1, 64) };
const peak_bytes = 1024 * Number(/VmHWM:\s*(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]);
console.log(JSON.stringify({ load_ms, step_ms: step, peak_bytes }));
