# Galago: make (library and command), make test, make demo, make install. No configure step.
#
#   make js                                    the engine as wasm and the npm package, in js/dist
#   make web                                   the page that people use, in web/dist
#   make BUILD=build-clang CC=clang            another compiler
#   make BUILD=build-asan SANITIZE=address,undefined   with sanitizers
#
# Every src/**/*.c goes into the library, every cli/*.c into the command, every tests/{unit,ops,golden,property}/*.c is
# one test program.

CC      ?= cc
BUILD   ?= build
PREFIX  ?= /usr/local
OPT     ?= -O2 -g
SANITIZE ?=

VERSION := $(shell sed -n 's/.*GALAGO_VERSION "\(.*\)"/\1/p' include/galago.h)

# The part of the version that changes when programs must be linked anew.
SOVERSION := 0

PACKAGES := libjpeg libpng libwebp libwebpdemux
HAVE_CURL := $(shell pkg-config --exists libcurl 2>/dev/null && echo 1)

CFLAGS_ALL = -std=c11 -D_POSIX_C_SOURCE=200809L $(OPT) -Wall -Wextra -Wshadow -Werror -Iinclude -Isrc -I$(BUILD)/gen -Itests -ffp-contract=off -fvisibility=hidden -fPIC -pthread \
             $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null) $(CFLAGS)
LDLIBS_ALL = $(shell pkg-config --libs $(PACKAGES) 2>/dev/null || echo -ljpeg -lpng -lwebpdemux -lwebp) -lm -ldl -pthread $(LDLIBS)
ifneq ($(SANITIZE),)
# (clang says so when -O1 does not unroll a loop that asks for it; that is no fault here.)
CFLAGS_ALL += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer -Wno-pass-failed
# Loops that the kernels unroll by force, with each access checked, take clang minutes a file.
CFLAGS_ALL += $(if $(findstring clang,$(CC)),-mllvm -pragma-unroll-threshold=1)
LDFLAGS += -fsanitize=$(SANITIZE)
endif
ifeq ($(HAVE_CURL),1)
CLI_CFLAGS = -DGALAGO_HAVE_CURL $(shell pkg-config --cflags libcurl)
CLI_LIBS   = $(shell pkg-config --libs libcurl)
endif

# What belongs to the wasm module alone.
LIB_SRC  := $(filter-out %_wasm.c %_simd128.c src/wasm/%,$(sort $(wildcard src/*/*.c src/*/*/*.c)))
LIB_OBJ  := $(LIB_SRC:%.c=$(BUILD)/%.o) $(BUILD)/gen/backend/webgpu/kernels.o
CLI_SRC  := $(sort $(wildcard cli/*.c))
CLI_OBJ  := $(CLI_SRC:%.c=$(BUILD)/%.o)
TEST_SRC := $(sort $(wildcard tests/unit/*.c tests/ops/*.c tests/golden/*.c tests/property/*.c))
TEST_BIN := $(TEST_SRC:%.c=$(BUILD)/%)

.PHONY: all lib tests deps clean test test-quick fuzz demo
all: $(BUILD)/galago $(BUILD)/libgalago.so
lib: $(BUILD)/libgalago.a
tests: $(TEST_BIN)

# Kernels of an instruction set are compiled for it alone; dispatch.c decides at run time whether they may be called.
$(BUILD)/src/%_avx2.o: ISA_FLAGS = -mavx2 -mfma -mf16c
$(BUILD)/src/%_avx512.o: ISA_FLAGS = -mavx2 -mfma -mf16c -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni

# The kernels as a C table: the .c follows every change, the .h only a change of the list of names, so nothing else is compiled
# anew. mk/wasm.mk uses the same two files: compile $(KERNELS_C) with -I$(BUILD)/gen and let objects wait for `| $(KERNELS_H)`.
KERNELS_C := $(BUILD)/gen/backend/webgpu/kernels.c
KERNELS_H := $(BUILD)/gen/backend/webgpu/kernels.h
# (The folder itself: a kernel that is taken away counts as a change.)
$(KERNELS_C): tools/kernels/embed.sh $(sort $(wildcard kernels/*.wgsl)) kernels
	@tools/kernels/embed.sh $(@D) $(sort $(wildcard kernels/*.wgsl))
$(KERNELS_H): $(KERNELS_C) ;
$(KERNELS_C:.c=.o): $(KERNELS_C) $(KERNELS_H)
	$(CC) $(CFLAGS_ALL) -c $< -o $@

$(BUILD)/%.o: %.c | $(KERNELS_H)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(ISA_FLAGS) -MMD -MP -c $< -o $@
$(CLI_OBJ): CFLAGS_ALL += $(CLI_CFLAGS)

$(BUILD)/libgalago.a: $(LIB_OBJ)
	@rm -f $@
	$(AR) rcs $@ $^
$(BUILD)/libgalago.so: $(LIB_OBJ)
	$(CC) -shared $(LDFLAGS) -Wl,-soname,libgalago.so.$(SOVERSION) -o $@ $^ $(LDLIBS_ALL)
$(BUILD)/galago: $(CLI_OBJ) $(BUILD)/libgalago.a
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS_ALL) $(CLI_LIBS)

$(BUILD)/tests/%: $(BUILD)/tests/%.o $(BUILD)/libgalago.a
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS_ALL)
.PRECIOUS: $(BUILD)/tests/%.o

# ---- the two commands ----

# Tests are compiled by all processors unless make was told otherwise.
PARALLEL = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell getconf _NPROCESSORS_ONLN))

# make test: everything that must hold. Installs what is missing, or says what to install. (js/test/run.sh builds the package.)
test:
	@tools/deps.sh test
	@tools/deps.sh browsers
	$(MAKE) --no-print-directory $(PARALLEL) all tests wasm
	@tests/run.sh $(BUILD)
# The test programs alone, for other compilers and for sanitizers.
test-quick:
	@tools/deps.sh test
	$(MAKE) --no-print-directory $(PARALLEL) tests
	@tests/run.sh $(BUILD) quick

# make demo: the demo model describes a picture, here and in a page.
demo:
	@tools/deps.sh build
	$(MAKE) --no-print-directory all
	@BUILD=$(BUILD) tools/demo.sh

# The npm package: the engine as WebAssembly, page, worker and Node.js code.
.PHONY: js
js: wasm
	@tools/deps.sh js
	@cd js && { [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --loglevel=error --no-audit --no-fund; } && node build.mjs

# The page, a folder for any static host.
.PHONY: web
web: js
	@node web/build.mjs

# Every tests/fuzz/*.c is a libFuzzer target; SECONDS_EACH for each.
SECONDS_EACH ?= 60
FUZZ_BUILD   := build-fuzz
FUZZ_BIN     := $(patsubst tests/fuzz/%.c,$(FUZZ_BUILD)/tests/fuzz/%,$(wildcard tests/fuzz/*.c))
fuzz:
	@tools/deps.sh test
	$(MAKE) --no-print-directory $(PARALLEL) CC=clang BUILD=$(FUZZ_BUILD) OPT="-O1 -g" SANITIZE=fuzzer-no-link,address,undefined $(FUZZ_BIN)
	@tests/fuzz/run.sh $(FUZZ_BUILD) $(SECONDS_EACH) $(TARGETS)
$(FUZZ_BUILD)/tests/fuzz/%: $(FUZZ_BUILD)/tests/fuzz/%.o $(FUZZ_BUILD)/libgalago.a
	$(CC) -fsanitize=fuzzer,address,undefined -o $@ $^ $(LDLIBS_ALL)
.PRECIOUS: $(FUZZ_BUILD)/tests/fuzz/%.o

# ---- installing ----

# make install [PREFIX=/usr/local] [DESTDIR=] [LIBDIR=...]: command, libraries, header, pkg-config file, manual page and the
# demo model. make uninstall with the same variables takes them away again.
DESTDIR    ?=
BINDIR     ?= $(PREFIX)/bin
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DATADIR    ?= $(PREFIX)/share/galago
MANDIR     ?= $(PREFIX)/share/man
INSTALL    ?= install
DEMO_FILES := $(wildcard models/demo/*.gguf)

# Where an installed library finds the demo model when it does not lie beside it.
$(BUILD)/src/engine/locate.o: CFLAGS_ALL += -DGALAGO_DATADIR='"$(DATADIR)"'

$(BUILD)/galago.pc: include/galago.h Makefile
	@mkdir -p $(@D)
	@printf '%s\n' 'prefix=$(PREFIX)' 'libdir=$(LIBDIR)' 'includedir=$(INCLUDEDIR)' '' 'Name: galago' \
	  "Description: Qwen's small vision-language models on the user's own device" 'Version: $(VERSION)' \
	  'Requires.private: $(PACKAGES)' 'Libs: -L$${libdir} -lgalago' 'Libs.private: -lm -ldl -pthread' \
	  'Cflags: -I$${includedir}' > $@

.PHONY: install uninstall $(BUILD)/galago.pc
install: all lib $(BUILD)/galago.pc
	$(INSTALL) -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR) $(DESTDIR)$(MANDIR)/man1
	$(INSTALL) -m 755 $(BUILD)/galago $(DESTDIR)$(BINDIR)/galago
	$(INSTALL) -m 755 $(BUILD)/libgalago.so $(DESTDIR)$(LIBDIR)/libgalago.so.$(VERSION)
	ln -sf libgalago.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libgalago.so.$(SOVERSION)
	ln -sf libgalago.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/libgalago.so
	$(INSTALL) -m 644 $(BUILD)/libgalago.a $(DESTDIR)$(LIBDIR)/libgalago.a
	$(INSTALL) -m 644 include/galago.h $(DESTDIR)$(INCLUDEDIR)/galago.h
	$(INSTALL) -m 644 $(BUILD)/galago.pc $(DESTDIR)$(LIBDIR)/pkgconfig/galago.pc
	$(INSTALL) -m 644 docs/galago.1 $(DESTDIR)$(MANDIR)/man1/galago.1
ifneq ($(DEMO_FILES),)
	$(INSTALL) -d $(DESTDIR)$(DATADIR)/models/demo
	$(INSTALL) -m 644 $(DEMO_FILES) $(DESTDIR)$(DATADIR)/models/demo
endif
uninstall:
	rm -f $(DESTDIR)$(BINDIR)/galago $(DESTDIR)$(LIBDIR)/libgalago.so $(DESTDIR)$(LIBDIR)/libgalago.so.$(SOVERSION) \
	  $(DESTDIR)$(LIBDIR)/libgalago.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libgalago.a $(DESTDIR)$(INCLUDEDIR)/galago.h \
	  $(DESTDIR)$(LIBDIR)/pkgconfig/galago.pc $(DESTDIR)$(MANDIR)/man1/galago.1
	rm -rf $(DESTDIR)$(DATADIR)/models/demo
	-rmdir $(DESTDIR)$(DATADIR)/models $(DESTDIR)$(DATADIR) 2>/dev/null

clean:
	rm -rf build build-*

-include $(LIB_OBJ:.o=.d) $(CLI_OBJ:.o=.d) $(TEST_BIN:=.d)

-include mk/wasm.mk
