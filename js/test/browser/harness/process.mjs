// Child processes of the drivers: each leads a group of its own, so that it can be ended with all its children.
import { execFile } from 'node:child_process';

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Ends the process group of `child`, politely first.
export async function stop(child) {
  const gone = () => child.exitCode !== null || child.signalCode !== null;
  for (const [signal, ms] of [['SIGTERM', 3000], ['SIGKILL', 2000]]) {
    try {
      process.kill(-child.pid, signal);
    } catch {
      return;
    }
    for (let waited = 0; waited < ms && !gone(); waited += 50) await sleep(50);
    if (gone() && signal === 'SIGTERM') continue; // its children may have stayed
  }
}

export const versionOf = (binary) =>
  new Promise((resolve) => execFile(binary, ['--version'], (error, out) => resolve(error ? 'version unknown' : out.trim().split('\n').pop())));
