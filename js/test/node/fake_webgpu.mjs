// A WebGPU module, as the option `webgpu` takes one, whose faults the environment names: FAKE_WEBGPU = none (no adapter), refuse (no
// device), wrong (computes zeros), software (an adapter that is a CPU).
import { globals, mockDevice } from './mock_gpu.mjs';

const fault = process.env.FAKE_WEBGPU;
export { globals };
export const create = () => ({
  wgslLanguageFeatures: new Set(),
  requestAdapter: async () => {
    if (fault === 'none') return null;
    const device = mockDevice();
    return {
      info: { description: fault === 'software' ? 'SwiftShader' : 'Fake card', vendor: 'fake', architecture: '', isFallbackAdapter: fault === 'software' },
      features: device.features, limits: device.limits,
      requestDevice: async () => {
        if (fault === 'refuse') throw new Error('out of devices');
        return device;
      },
    };
  },
});
