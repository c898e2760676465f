# The engine as a WebAssembly module: make wasm. One command line each for clang-19 and wasm-ld-19 of Debian (tools/deps.sh wasm);
# of wasi-libc the headers and those parts of the C library that call no system: the module imports nothing of WASI.
#
#   js/dist/galago.wasm                   SIMD, one thread: for every page
#   js/dist/galago-threads.wasm           shared memory and threads: for pages that are cross-origin isolated, and Node.js
#   js/dist/galago-relaxed.wasm           as the first, with relaxed SIMD: engines without it refuse the module
#   js/dist/galago-relaxed-threads.wasm   both
# A page loads one of the four, the best that its browser takes (js/src/relaxed.ts).

WASM_CC    ?= clang-19
WASM_LD    ?= wasm-ld-19
WASM_BUILD := $(BUILD)/wasm
WASM_DIST  := js/dist
# Bytes after brotli. The whole runtime (this, worker and page code) may take 300,000, see js/build.mjs.
WASM_LIMIT ?= 200000

# What a page does not need (writing models, finding installed ones) or does itself (JPEG, PNG and WebP), and code for other
# machines. X_wasm.c stands in the place of X.c.
WASM_ALL  := $(sort $(wildcard src/*/*.c src/*/*/*.c))
WASM_OWN  := $(filter %_wasm.c,$(WASM_ALL))
WASM_SRC  := $(filter-out src/convert/% src/weights/gguf_write.c src/engine/locate.c src/image/decode_jpeg.c src/image/decode_png.c \
             src/image/decode_webp.c src/image/exif.c src/backend/webgpu/gpu_native% %_avx2.c %_avx512.c %_neon.c \
             $(WASM_OWN:%_wasm.c=%.c),$(WASM_ALL))

# Loops over numbers are compiled for speed, the rest for size.
WASM_OPT      ?= -Os
WASM_OPT_FAST ?= -O2
WASM_FAST     := src/backend/cpu/% src/base/quant% src/image/% src/weights/synthetic% src/engine/sample%

WASM_CFLAGS := --target=wasm32-wasi -std=c11 -D_POSIX_C_SOURCE=200809L -msimd128 -mbulk-memory -mnontrapping-fptoint -msign-ext \
               -Wall -Wextra -Wshadow -Werror -Wframe-larger-than=65536 -isystem src/wasm/include -Iinclude -Isrc -I$(BUILD)/gen \
               -ffp-contract=off -fvisibility=hidden -ffunction-sections -fdata-sections
WASM_LIBS   := /usr/lib/wasm32-wasi/libc.a /usr/lib/llvm-19/lib/clang/19/lib/wasi/libclang_rt.builtins-wasm32.a
# One page less than 4 GiB, so that the size of memory fits 32 bits. The stack lies before the data: running over it traps.
WASM_LDFLAGS := --no-entry --gc-sections --stack-first -z stack-size=1048576 --max-memory=4294901760 --strip-all -O2 \
                --wrap=malloc --wrap=calloc --wrap=realloc --wrap=aligned_alloc --wrap=free
# Libraries without threads go into the variant with threads: only the first thread allocates or uses their state.
WASM_THREADS_CFLAGS  := -matomics
WASM_THREADS_LDFLAGS := --shared-memory --import-memory --initial-memory=4194304 --no-check-features

.PHONY: wasm
wasm:
	@tools/deps.sh wasm
	@$(MAKE) --no-print-directory $(addprefix $(WASM_DIST)/,galago.wasm galago-threads.wasm galago-relaxed.wasm galago-relaxed-threads.wasm)

# $(1) folder of objects, $(2) module, $(3) more flags of the compiler, $(4) of the linker
define WASM_MODULE
$(1)/%.o: %.c mk/wasm.mk | $$(KERNELS_H)
	@mkdir -p $$(@D)
	$$(WASM_CC) $$(WASM_CFLAGS) $(3) $$(if $$(filter $$(WASM_FAST),$$<),$$(WASM_OPT_FAST),$$(WASM_OPT)) -MMD -MP -c $$< -o $$@
$(1)/kernels.o: $$(KERNELS_C) $$(KERNELS_H)
	@mkdir -p $$(@D)
	$$(WASM_CC) $$(WASM_CFLAGS) $(3) $$(WASM_OPT) -c $$< -o $$@
$(2): $$(WASM_SRC:%.c=$(1)/%.o) $(1)/kernels.o
	@mkdir -p $$(@D)
	$$(WASM_LD) $$(WASM_LDFLAGS) $(4) -o $$@.new $$^ $$(WASM_LIBS)
	@if grep -q wasi_ $$@.new; then echo "$$@: imports functions of WASI"; exit 1; fi
	@mv $$@.new $$@
	@size=$$$$(brotli -q 11 -w 24 -c $$@ | wc -c); echo "$$@: $$$$(wc -c < $$@) bytes, $$$$size after brotli (at most $$(WASM_LIMIT))"; \
	  test "$$$$size" -le $$(WASM_LIMIT) || { rm $$@; exit 1; }
-include $$(WASM_SRC:%.c=$(1)/%.d)
endef
$(eval $(call WASM_MODULE,$(WASM_BUILD),$(WASM_DIST)/galago.wasm,,))
$(eval $(call WASM_MODULE,$(WASM_BUILD)-threads,$(WASM_DIST)/galago-threads.wasm,$(WASM_THREADS_CFLAGS),$(WASM_THREADS_LDFLAGS)))
$(eval $(call WASM_MODULE,$(WASM_BUILD)-relaxed,$(WASM_DIST)/galago-relaxed.wasm,-mrelaxed-simd,))
$(eval $(call WASM_MODULE,$(WASM_BUILD)-relaxed-threads,$(WASM_DIST)/galago-relaxed-threads.wasm,-mrelaxed-simd $(WASM_THREADS_CFLAGS),$(WASM_THREADS_LDFLAGS)))
