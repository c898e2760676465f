// Dawn's module ($DAWN) with an adapter that does not say that it is a CPU: what is left out on such adapters can be tested. Each
// pipeline that is begun is a line in the file that $PIPELINE_LOG names.
import { appendFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const dawn = createRequire(import.meta.url)(process.env.DAWN);
export const { globals } = dawn;
export const create = (flags) => {
  const gpu = dawn.create(flags);
  return {
    wgslLanguageFeatures: gpu.wgslLanguageFeatures,
    requestAdapter: async (options) => {
      const adapter = await gpu.requestAdapter(options);
      return {
        info: { description: 'Real card', vendor: 'real', architecture: '', subgroupMinSize: adapter.info.subgroupMinSize, subgroupMaxSize: adapter.info.subgroupMaxSize },
        features: adapter.features, limits: adapter.limits,
        requestDevice: async (wanted) => {
          const device = await adapter.requestDevice(wanted), begin = device.createComputePipelineAsync.bind(device);
          device.createComputePipelineAsync = (d) => {
            appendFileSync(process.env.PIPELINE_LOG, `${d.label}\n`);
            return begin(d);
          };
          return device;
        },
      };
    },
  };
};
