// The least of WASI that a program needs which only takes arguments, reads the clock and prints.

// Runs a compiled program; its lines of output go to print().
async function runProgram(module, args, print) {
  let memory;
  const view = () => new DataView(memory.buffer);
  const texts = args.map((a) => new TextEncoder().encode(`${a}\0`));
  let output = '';
  const own = {
    args_sizes_get(count, bytes) {
      view().setUint32(count, texts.length, true);
      view().setUint32(bytes, texts.reduce((n, t) => n + t.length, 0), true);
      return 0;
    },
    args_get(pointers, at) {
      texts.forEach((text, i) => {
        view().setUint32(pointers + 4 * i, at, true);
        new Uint8Array(memory.buffer).set(text, at);
        at += text.length;
      });
      return 0;
    },
    environ_sizes_get(count, bytes) {
      view().setUint32(count, 0, true);
      view().setUint32(bytes, 0, true);
      return 0;
    },
    clock_time_get(_id, _precision, at) {
      view().setBigUint64(at, BigInt(Math.round(performance.now() * 1e6)), true);
      return 0;
    },
    fd_fdstat_get(_fd, at) {
      new Uint8Array(memory.buffer).fill(0, at, at + 24);
      view().setUint8(at, 2); // a terminal
      return 0;
    },
    fd_write(_fd, vectors, n, written) {
      let bytes = 0;
      for (let i = 0; i < n; i++) {
        const at = view().getUint32(vectors + 8 * i, true), length = view().getUint32(vectors + 8 * i + 4, true);
        output += new TextDecoder().decode(new Uint8Array(memory.buffer, at, length).slice());
        bytes += length;
      }
      view().setUint32(written, bytes, true);
      return 0;
    },
    proc_exit(code) {
      throw Object.assign(new Error(`exit status ${code}`), { exit: code });
    },
  };
  const refused = () => 52; // not supported
  const wasi = new Proxy(own, { get: (target, name) => target[name] ?? refused, has: () => true });
  const imports = { wasi_snapshot_preview1: {} };
  for (const { module: from, name } of WebAssembly.Module.imports(module)) (imports[from] ??= {})[name] = wasi[name];
  const instance = await WebAssembly.instantiate(module, imports);
  memory = instance.exports.memory;
  try {
    instance.exports._start();
  } catch (error) {
    if (error.exit !== 0) await print(output).then(() => Promise.reject(error));
  }
  for (const line of output.trimEnd().split('\n')) await print(line);
}

export async function measurePage({ files, names, args, rounds }, say) {
  const modules = await Promise.all(files.map((file) => WebAssembly.compileStreaming(fetch(file))));
  for (let round = 0; round < rounds; round++)
    for (const [i, module] of modules.entries()) {
      if (modules.length > 1) await say(`# ${names[i]}`, 0);
      await runProgram(module, [names[i], ...args], say);
    }
}
