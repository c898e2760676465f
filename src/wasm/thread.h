/* Threads of the variant with shared memory: what the export gw_thread_main() calls. */
#ifndef WASM_THREAD_H
#define WASM_THREAD_H

/* Runs a worker of the CPU backend's pool until the pool ends; `arg` is what host_thread_spawn() was given. (pool_wasm.c) */
void thread_main(void *arg);

#endif
