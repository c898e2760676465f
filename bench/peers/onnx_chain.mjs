// Writes an ONNX graph of all matrix products of one Qwen3.5-0.8B step: MatMulNBits with 4 bits, blocks of 32 and 8-bit
// activations (accuracy_level 4), each layer with weights of its own, the head on the last row. Nothing else of the model is in it
// (no norms, attention, delta rule, convolution, embedding): its time is a lower bound of what the whole model takes.
//
//     node onnx_chain.mjs OUT.onnx
import { randomFillSync } from "node:crypto";
import { closeSync, openSync, writeSync } from "node:fs";

const D = 1024, D_FF = 3584, N_LAYERS = 24, N_VOCAB = 248320, BLOCK = 32;
const LINEAR = { qkv: 6144, z: 2048, b: 16, a: 16 };
const FULL = { q: 4096, k: 512, v: 512 };
const MIX_ROWS = 2048; // the input of the projection back to D

// ---- protobuf: only what an ONNX model needs ----

function varint(value) {
    const bytes = [];
    for (let v = BigInt.asUintN(64, BigInt(value)); ; v >>= 7n) {
        if (v < 128n) return Buffer.from([...bytes, Number(v)]);
        bytes.push(Number(v & 127n) | 128);
    }
}
// A message is a list of buffers, so that weights are never copied.
const size = (parts) => parts.reduce((n, p) => n + p.length, 0);
const field = (number, parts) => [varint(number * 8 + 2), varint(size(parts)), ...parts];
const integer = (number, value) => [varint(number * 8), varint(value)];
const text = (number, value) => field(number, [Buffer.from(value)]);

const FLOAT = 1, UINT8 = 2, INT64 = 7;

function tensor(name, type, dims, bytes) {
    return field(5, [...dims.flatMap((d) => integer(1, d)), ...integer(2, type), ...text(8, name), ...field(9, [bytes])]);
}
function node(op, inputs, output, attributes = {}, domain = "") {
    const parts = [...inputs.flatMap((i) => text(1, i)), ...text(2, output), ...text(3, output), ...text(4, op)];
    for (const [name, value] of Object.entries(attributes))
        parts.push(...field(5, [...text(1, name), ...integer(3, value), ...integer(20, 2)]));
    return field(1, [...parts, ...text(7, domain)]);
}
function valueInfo(number, name, dims) {
    const shape = dims.flatMap((d) => field(1, typeof d === "string" ? text(2, d) : integer(1, d)));
    return field(number, [...text(1, name), ...field(2, field(1, [...integer(1, FLOAT), ...field(2, shape)]))]);
}
const indices = (name, ...values) => tensor(name, INT64, [values.length], Buffer.from(BigInt64Array.from(values.map(BigInt)).buffer));

// ---- the graph ----

const nodes = [], weights = [];

function product(input, output, K, N) {
    const blocks = (N * K) / BLOCK;
    const scales = new Float32Array(blocks);
    // Small and of both signs (4-bit values are -0.5 on average): neither infinities nor denormals may disturb the timing.
    for (let i = 0; i < blocks; i++) scales[i] = (0.002 + 0.001 * ((i * 7919) % 1000) / 1000) * (i % 2 ? -1 : 1);
    weights.push(tensor(`${output}.q`, UINT8, [N, K / BLOCK, BLOCK / 2], randomFillSync(Buffer.alloc(blocks * (BLOCK / 2)))));
    weights.push(tensor(`${output}.s`, FLOAT, [blocks], Buffer.from(scales.buffer)));
    nodes.push(node("MatMulNBits", [input, `${output}.q`, `${output}.s`], output,
                    { K, N, bits: 4, block_size: BLOCK, accuracy_level: 4 }, "com.microsoft"));
    return output;
}
const columns = (input, end) => {
    nodes.push(node("Slice", [input, "zero", end, "columns"], `${input}.${end}`));
    return `${input}.${end}`;
};
const add = (a, b, output) => {
    nodes.push(node("Add", [a, b], output));
    return output;
};

weights.push(indices("zero", 0), indices("one", 1), indices("mix_rows", MIX_ROWS), indices("columns", 1));
weights.push(indices("last", -1), indices("end", 2 ** 31), indices("rows", 0));
let h = "x";
for (let il = 0; il < N_LAYERS; il++) {
    const full = (il + 1) % 4 === 0;
    const outputs = Object.entries(full ? FULL : LINEAR).map(([name, rows]) => product(h, `l${il}.${name}`, D, rows));
    const mixed = full ? columns(outputs[0], "mix_rows") : outputs[1];
    let sum = add(h, product(mixed, `l${il}.out`, MIX_ROWS, D), `l${il}.h`);
    // One column of every other product joins the sum, so that none of them can be left out.
    for (const o of outputs) sum = add(sum, columns(o, "one"), `${o}.used`);
    const gate = product(sum, `l${il}.gate`, D, D_FF), up = product(sum, `l${il}.up`, D, D_FF);
    h = add(sum, product(add(gate, up, `l${il}.ff`), `l${il}.down`, D_FF, D), `l${il}.y`);
}
nodes.push(node("Slice", [h, "last", "end", "rows"], "last_row"));
product("last_row", "logits", D, N_VOCAB);

const graph = [...nodes.flat(), ...text(2, "products"), ...weights.flat(), ...valueInfo(11, "x", ["T", D]), ...valueInfo(12, "logits", [1, N_VOCAB])];
const opset = (domain, version) => field(8, [...text(1, domain), ...integer(2, version)]);
const model = [...integer(1, 8), ...text(2, "galago bench/peers"), ...field(7, graph), ...opset("", 17), ...opset("com.microsoft", 1)];

const file = openSync(process.argv[2], "w");
for (const part of model) for (let at = 0; at < part.length; ) at += writeSync(file, part, at);
closeSync(file);
