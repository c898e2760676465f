/*
 * The galago command. Everything that concerns models goes through the public header; the command shares only src/base
 * (buffers, JSON, files) with the library, so that these are not written twice.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/buf.h"
#include "base/filemap.h"
#include "base/json.h"
#include "galago.h"

/* Exit statuses (stable). */
enum { EXIT_DONE = 0, EXIT_USAGE = 1, EXIT_INPUT = 2, EXIT_MEMORY = 3, EXIT_FAULT = 4, EXIT_INTERRUPTED = 130 };

/* What the options of all commands set. Strings point into argv. */
typedef struct options {
    const char *command;
    const char *model, *mmproj, *device, *dtype, *isa, *gpu_library;
    uint32_t n_threads, n_ctx;
    galago_generate_params generate;
    uint64_t min_pixels, max_pixels;
    const char *stop[16];
    const char *prompt, *system, *messages;
    const char *images[64];
    size_t n_images;
    bool json, quiet, raw;
    /* bench */
    uint32_t reps;
    /* eval */
    uint32_t limit;
    const char *out;
    /* convert */
    const char *embed_dtype, *vision_dtype;
    bool drop_mtp;
    /* tokenize */
    bool decode, pieces;
    /* words that are not options */
    const char **args;
    size_t n_args;
    bool help;
} options;

/* Reads argv behind the command's name. Returns EXIT_DONE, or EXIT_USAGE after saying what is wrong. `o->args` is malloc'ed. */
int options_parse(options *o, int argc, char **argv);
/* Help of one command, or of all (NULL). */
void help_print(const char *command);
bool command_exists(const char *name);

/* Says what failed, on standard error, and gives the exit status for it. */
int report(const galago_error *e);
int usage_error(const options *o, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- progress (progress.c): a line on a terminal, nothing elsewhere ---- */
bool progress_show(void *user, const char *stage, double fraction);
void progress_clear(void);
void progress_enable(bool on);

/* ---- stopping (session.c): the first such signal stops an answer, a loading or a conversion, which ends tidily; the second the program ---- */
void interrupt_catch(int signal_number);
void interrupt_release(int signal_number);
bool interrupted(void);

/* ---- input (input.c) ---- */
/* A picture by file name, "-" (standard input), data: or http(s) URL. */
galago_status image_open(const char *name, galago_image **out, galago_error *e);
/* How messages call it: a data: URL would fill the screen. */
const char *image_label(const char *name);
/* All bytes of a file or of standard input ("-"), at most `limit`. */
galago_status read_all(const char *name, size_t limit, buf *out, galago_error *e);

/* ---- sessions (session.c): what every generating command does first ---- */
typedef struct cli_session {
    galago_model *model;
    galago_context *context;
    galago_model_info info;
} cli_session;
/* Opens model and context as the options say; reports failures. Returns an exit status. */
int session_open(const options *o, cli_session *s);
void session_close(cli_session *s);
/* Runs one conversation, streaming the answer to standard output unless --json. Failures are told under the name of the picture
 * that was asked about, which may be NULL. Returns an exit status. */
int session_answer(cli_session *s, const options *o, const char *image, const galago_message *messages, size_t n, galago_result *r);
/* One JSON object for a result, a line of its own. `image` may be NULL. */
void print_result(const cli_session *s, const options *o, const char *image, const galago_result *r);

/* ---- commands ---- */
int cmd_describe(const options *o); /* also ocr */
int cmd_ask(const options *o);
int cmd_run(const options *o);
int cmd_chat(const options *o);
int cmd_bench(const options *o);
int cmd_eval(const options *o);
int cmd_inspect(const options *o);
int cmd_convert(const options *o);
int cmd_tokenize(const options *o);

#endif
