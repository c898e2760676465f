// Measures galago, llama.cpp and ONNX Runtime in turns and prints one table (median, smallest to largest). See run.sh.
//
//     node measure.mjs GALAGO LLAMA_BIN ONNXRUNTIME_NODE FOLDER ROUNDS THREADS
//
// FOLDER holds model.gguf, mmproj-model.gguf and chain.onnx; picture.png and results.json are written there.
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { crc32, deflateSync } from "node:zlib";

const [galago, llama, runtime, folder, rounds, threads] = process.argv.slice(2);
const here = dirname(fileURLToPath(import.meta.url));
const model = join(folder, "model.gguf"), mmproj = join(folder, "mmproj-model.gguf"), picture = join(folder, "picture.png");
const QUESTION = "Describe this image in one short sentence.";

// Runs a program to its end: {out, err, marks, peak_bytes}. marks[i] is when watch[i] = [stream, pattern] was first seen, in ms
// from the start; the peak is the kernel's own high-water mark, read every 10 ms until the program ends.
function run(command, args, watch = []) {
    return new Promise((resolve, reject) => {
        const started = performance.now(), marks = watch.map(() => NaN);
        const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
        let peak = 0, text = "";
        const text_of = { out: "", err: "" };
        const poll = setInterval(() => {
            try {
                peak = Math.max(peak, 1024 * Number(/VmHWM:\s*(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1] ?? 0));
            } catch {
                // The program has just ended.
            }
        }, 10);
        const take = (name) => (bytes) => {
            const now = performance.now() - started;
            text_of[name] += bytes;
            text += bytes;
            watch.forEach(([stream, pattern], i) => {
                if (stream === name && Number.isNaN(marks[i]) && pattern.test(text_of[name])) marks[i] = now;
            });
        };
        child.stdout.setEncoding("utf8").on("data", take("out"));
        child.stderr.setEncoding("utf8").on("data", take("err"));
        child.on("error", reject);
        child.on("close", (code) => {
            clearInterval(poll);
            if (code) reject(new Error(`${command} ${args.join(" ")} ended with ${code}:\n${text.slice(-2000)}`));
            else resolve({ ...text_of, marks, peak_bytes: peak });
        });
    });
}

// The picture: smooth colours with edges, 512 x 512, stored without a filter.
function writePicture(side) {
    const rows = Buffer.alloc(side * (1 + 3 * side));
    for (let y = 0; y < side; y++)
        for (let x = 0; x < side; x++) rows.set([5 * x + 3 * y, (x * y) >> 3, (x ^ y) * 2].map((v) => v & 255), y * (1 + 3 * side) + 1 + 3 * x);
    const chunk = (type, data) => {
        const body = Buffer.concat([Buffer.from(type), data]), out = Buffer.alloc(body.length + 8);
        out.writeUInt32BE(data.length, 0);
        body.copy(out, 4);
        out.writeUInt32BE(crc32(body), body.length + 4);
        return out;
    };
    const header = Buffer.alloc(13);
    header.writeUInt32BE(side, 0);
    header.writeUInt32BE(side, 4);
    header.set([8, 2], 8); // 8 bits, RGB
    writeFileSync(picture, Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), chunk("IHDR", header),
                                          chunk("IDAT", deflateSync(rows)), chunk("IEND", Buffer.alloc(0))]));
}

const results = {};
function record(who, what, value) {
    if (!Number.isFinite(value)) throw new Error(`${who}: no figure for "${what}"`);
    ((results[what] ??= {})[who] ??= []).push(value);
}

async function galagoText() {
    const r = await run(galago, ["bench", "--model", model, "--threads", threads, "--reps", "1", "--json"]);
    const j = JSON.parse(r.out);
    record("galago", "decode at context 256, tok/s", j.decode[256]);
    record("galago", "prefill 256 tokens, tok/s", j.prefill[256]);
    record("galago", "prefill 1,024 tokens, tok/s", j.prefill[1024]);
}
async function llamaText() {
    const common = ["-m", model, "-t", threads, "-r", "1", "-o", "json"];
    const prefill = JSON.parse((await run(join(llama, "llama-bench"), [...common, "-p", "256,1024", "-n", "0"])).out);
    const decode = JSON.parse((await run(join(llama, "llama-bench"), [...common, "-p", "0", "-n", "128", "-d", "256"])).out);
    record("llama.cpp", "decode at context 256, tok/s", decode[0].avg_ts);
    record("llama.cpp", "prefill 256 tokens, tok/s", prefill[0].avg_ts);
    record("llama.cpp", "prefill 1,024 tokens, tok/s", prefill[1].avg_ts);
}
async function onnxText() {
    const r = JSON.parse((await run(process.execPath, [join(here, "onnx_measure.mjs"), join(folder, "chain.onnx"), threads, runtime])).out);
    record("ONNX Runtime", "decode at context 256, tok/s", 1000 / r.step_ms[1]);
    record("ONNX Runtime", "prefill 256 tokens, tok/s", 256e3 / r.step_ms[256]);
    record("ONNX Runtime", "prefill 1,024 tokens, tok/s", 1024e3 / r.step_ms[1024]);
    record("ONNX Runtime", "load, s", r.load_ms / 1e3);
    record("ONNX Runtime", "peak memory, MB", r.peak_bytes / 1e6);
}

// From the question to the first word. A new process each time: galago has seen nothing before, llama.cpp has warmed up.
async function galagoPicture() {
    const r = await run(galago, ["run", "--model", model, "--threads", threads, "--image", picture, "--prompt", QUESTION, "-n", "2",
                                 "--ignore-eos", "--json", "--quiet"]);
    const j = JSON.parse(r.out);
    record("galago", "first token, 512 x 512 picture, s", j.timings.first_token_ms / 1e3);
    record("galago", "of it vision tower, s", j.timings.vision_ms / 1e3);
    record("galago", "load, s", j.timings.load_ms / 1e3);
    record("galago", "peak memory, MB", r.peak_bytes / 1e6);
    return j.prompt_tokens;
}
async function llamaPicture(warmup) {
    // What it says on standard output begins with an empty line, written when the prompt has been taken in.
    const watch = [["err", /main: loading model/], ["out", /\n/]];
    const r = await run(join(llama, "llama-mtmd-cli"),
                        ["-m", model, "--mmproj", mmproj, "--image", picture, "-p", QUESTION, "-t", threads, "-n", "2", "--temp", "0",
                         "--chat-template", "chatml", "-c", "4096", "--ignore-eos", "--log-colors", "off", "-lv", "4",
                         ...(warmup ? [] : ["--no-warmup"])], watch);
    const [ready, first] = r.marks;
    if (!warmup) return record("llama.cpp", "load, s", ready / 1e3);
    record("llama.cpp", "first token, 512 x 512 picture, s", (first - ready) / 1e3);
    record("llama.cpp", "of it vision tower, s", Number(/mtmd batch encoding done in (\d+) ms/.exec(r.err)?.[1]) / 1e3);
    record("llama.cpp", "peak memory, MB", r.peak_bytes / 1e6);
}

function table() {
    const names = ["galago", "llama.cpp", "ONNX Runtime"];
    const cell = (v) => {
        if (!v) return "";
        const s = [...v].sort((a, b) => a - b), n = s.length, m = n % 2 ? s[n >> 1] : (s[n / 2 - 1] + s[n / 2]) / 2;
        const show = (x) => (x < 10 ? x.toFixed(2) : x.toFixed(x < 100 ? 1 : 0));
        return `${show(m)} (${show(s[0])}-${show(s.at(-1))})`;
    };
    const lines = [["", ...names], ["---", "---:", "---:", "---:"]];
    for (const [what, by] of Object.entries(results)) lines.push([what, ...names.map((name) => cell(by[name]))]);
    return lines.map((l) => `| ${l.join(" | ")} |`).join("\n");
}

// Clock ticks of all processors since the machine started: busy, stolen by the host, and those of this program's own children.
function ticks() {
    const [user, nice, system, , , irq, softirq, steal] = /^cpu +(.*)/.exec(readFileSync("/proc/stat", "utf8"))[1].split(" ").map(Number);
    const own = readFileSync("/proc/self/stat", "utf8").replace(/.*\) /, "").split(" ").slice(11, 15).map(Number);
    return { busy: user + nice + system + irq + softirq, steal, own: own.reduce((a, b) => a + b), at: performance.now() };
}

writePicture(512);
const others = [], steps = [galagoText, llamaText, onnxText, galagoPicture, () => llamaPicture(true), () => llamaPicture(false)];
for (let i = 0; i < Number(rounds); i++) {
    const before = ticks();
    for (const step of steps) await step();
    const after = ticks(), per_cpu = (n) => n / ((after.at - before.at) / 10); // 100 ticks a second
    others.push(`${per_cpu(after.busy - before.busy - after.own + before.own).toFixed(2)}/${per_cpu(after.steal - before.steal).toFixed(2)}`);
    // After each round, so that a run that is cut short leaves what it has.
    writeFileSync(join(folder, "results.json"), JSON.stringify({ cpu: cpus()[0].model, threads, others, results }, null, 1));
    process.stderr.write(`round ${i + 1} of ${rounds} is done\n`);
}
console.log(`${cpus()[0].model}, ${threads} threads, ${rounds} rounds; median (smallest-largest)`);
console.log(`processors kept busy by other programs / taken by the host in each round: ${others.join(", ")}\n`);
console.log(table());
