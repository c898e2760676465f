/* What the module imports from its host: files by the names they were registered under, time, memory, progress, threads. All
 * answer at once. js/src/host.ts is the other side. */
#ifndef WASM_HOST_H
#define WASM_HOST_H

#include <stddef.h>
#include <stdint.h>

#define HOST_API(name) __attribute__((import_module("host"), import_name(#name)))

/* A handle, or -1 where no file has this name. */
HOST_API(open) int32_t host_open(const char *path, size_t size);
/* Bytes; negative for a handle that is not open. */
HOST_API(size) double host_size(int32_t file);
/* Bytes [offset, offset + size) to dst. 0; 1 = they cannot be read. */
HOST_API(read) int32_t host_read(int32_t file, double offset, uint32_t size, void *dst);
HOST_API(close) void host_close(int32_t file);
/* Milliseconds of a clock that never goes back. */
HOST_API(now) double host_now(void);
/* Bytes that weights and contexts may take; 0 = not known. */
HOST_API(memory_available) double host_memory_available(void);
/* Says how much of a long work is done, 0 to 1. 0 = give it up. */
HOST_API(progress) int32_t host_progress(const char *stage, size_t size, double fraction);
/* Has another worker instantiate this module on the same memory and call gw_thread_init(stack_top, 0), then
 * gw_thread_main(arg), which returns when the engine closes. 1; 0 = no worker can be had. In the variant with threads alone. */
HOST_API(thread_spawn) int32_t host_thread_spawn(void *arg, void *stack_top);

#endif
