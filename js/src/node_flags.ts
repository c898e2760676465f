// Flags of this process that its workers take over. Those that say what the program is, such as --input-type of `node -e`, would
// keep a worker from starting.

const PROGRAM = /^(--input-type|-e$|--eval|-p$|--print|-i$|--interactive|--test|--watch|-r$|--require|--import|--loader|--experimental-loader)/;

export function workerFlags(): string[] {
  return process.execArgv.filter((flag, i, all) => !PROGRAM.test(flag) && !(i > 0 && /^(-e|-p|-r|--eval|--print|--require|--import|--loader|--experimental-loader|--input-type)$/.test(all[i - 1]!)));
}
