// What the suites share: the package as a user of this host gets it, the native words, pictures.
export const isNode = typeof process === 'object' && Boolean(process.versions?.node);

export const load = () => (isNode ? import('../../../dist/node.js') : import('../../../dist/index.js'));

// Options of this run's device; in Node also where Dawn's module lies.
export const device = (env) => ({ device: env.device, ...(env.webgpu ? { webgpu: env.webgpu } : {}) });

let expectations = null;
export async function nativeWords(env) {
  expectations ??= await (await fetch(`${env.origin}/generated/expected.json`)).json();
  return expectations;
}
// The native answer to `prompt` about pictures with these file names.
export async function expected(env, names, prompt = 'Describe this image.') {
  const found = (await nativeWords(env)).find((c) => c.prompt === prompt && c.images.map((i) => i.split('/').pop()).join() === names.join());
  if (!found) throw new Error(`no native words for ${names} and "${prompt}"`);
  return found;
}

export const sample = (n) => `models/demo/samples/shapes-${n}.png`;
export const url = (env, path) => `${env.origin}/${path}`;
export const bytes = async (env, path) => new Uint8Array(await (await fetch(url(env, path))).arrayBuffer());

/** A vector picture: a green circle and a blue square. (A red circle is a stop sign to some.) */
export const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="256" height="256"><rect width="256" height="256" fill="#eee"/><circle cx="72" cy="128" r="40" fill="#2a2"/><rect x="148" y="92" width="72" height="72" fill="#22c"/></svg>';

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits for a condition and gives its value; the time limit ends what hangs, and judges nothing. */
export async function until(condition, what, seconds = 120) {
  for (const end = performance.now() + seconds * 1000; performance.now() < end; await sleep(15)) {
    const value = await condition();
    if (value) return value;
  }
  throw new Error(`${what} did not come within ${seconds} s`);
}
