// The child process of node.mjs: runs one suite and reports over the process's channel.
import { runSuite } from './runner.mjs';

const send = (message) => new Promise((resolve) => process.send(message, resolve));
process.on('unhandledRejection', (reason) => send({ type: 'stray', message: `unhandled rejection: ${reason?.stack ?? reason}` }));

process.once('message', async ({ suite, env }) => {
  try {
    if (env.device === 'gpu') await import('./node_webgpu.mjs');
    await runSuite(await import(suite), { ...env, host: 'node' }, send);
  } catch (error) {
    await send({ type: 'fail', test: 'load the suite', message: String(error?.stack ?? error) });
    await send({ type: 'end' });
  }
});
