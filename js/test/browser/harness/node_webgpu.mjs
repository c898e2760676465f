// Gives Node a navigator.gpu for the probe of what is there. (The package finds Dawn by itself; it does not need this.)
import { createRequire } from 'node:module';

const { create, globals } = createRequire(import.meta.url)(process.env.DAWN ?? 'webgpu');
Object.assign(globalThis, globals);
// Kept for as long as the process runs: when the object is collected, the process crashes.
const gpu = (globalThis.galagoTestGpu = create([]));
if (!globalThis.navigator) globalThis.navigator = {};
Object.defineProperty(globalThis.navigator, 'gpu', { value: gpu, configurable: true });
