#ifndef WASM_MEMORY_H
#define WASM_MEMORY_H

#include <stddef.h>

/* Bytes of the heap that are in use. */
size_t memory_used(void);

#endif
