/* Opening what the options name, answering, and printing answers. */
#include "cli.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a signal stops: the answer of `running`, or whatever shows its progress. */
static galago_context *volatile running;
static volatile sig_atomic_t stopped;

static void interrupt(int signal_number)
{
    stopped = 1;
    if (running) galago_cancel(running);
    signal(signal_number, SIG_DFL);
}

void interrupt_catch(int signal_number) { signal(signal_number, interrupt); }

void interrupt_release(int signal_number)
{
    signal(signal_number, SIG_DFL);
    stopped = 0;
}

bool interrupted(void) { return stopped != 0; }

int report(const galago_error *e)
{
    progress_clear();
    fprintf(stderr, "galago: %s\n", e->message);
    switch (e->status) {
    case GALAGO_OK: return EXIT_DONE;
    case GALAGO_CANCELLED: return EXIT_INTERRUPTED;
    case GALAGO_ERR_MEMORY: return EXIT_MEMORY;
    case GALAGO_ERR_DEVICE_LOST:
    case GALAGO_ERR_INTERNAL:
    case GALAGO_PENDING: return EXIT_FAULT;
    case GALAGO_ERR_ARGUMENT:
    case GALAGO_ERR_IO:
    case GALAGO_ERR_FORMAT:
    case GALAGO_ERR_UNSUPPORTED: return EXIT_INPUT;
    }
    return EXIT_FAULT;
}

static bool choose(const options *o, const char *option, const char *value, const char *const *names, size_t n, int *out)
{
    for (size_t i = 0; value && i < n; i++)
        if (strcmp(names[i], value) == 0) return *out = (int)i, true;
    if (!value) return true;
    buf list = {0};
    for (size_t i = 0; i < n; i++) buf_printf(&list, "%s%s", i ? i + 1 == n ? " or " : ", " : "", names[i]);
    usage_error(o, "%s %s: must be %s", option, value, list.data ? list.data : "another");
    buf_free(&list);
    return false;
}

int session_open(const options *o, cli_session *s)
{
    static const char *const devices[] = {"auto", "cpu", "gpu"};
    static const char *const dtypes[] = {"as-is", "f32", "f16", "q8_0", "q4_0"};
    int device = 0, dtype = 0;
    *s = (cli_session){0};
    if (!choose(o, "--device", o->device, devices, 3, &device) || !choose(o, "--dtype", o->dtype, dtypes, 5, &dtype))
        return EXIT_USAGE;
    progress_enable(!o->quiet);
    interrupt_catch(SIGINT);
    const galago_model_params mp = {
        .mmproj = o->mmproj,
        .device = (galago_device)device,
        .dtype = (galago_dtype)dtype,
        .n_threads = o->n_threads,
        .min_pixels = o->min_pixels,
        .max_pixels = o->max_pixels,
        .gpu_library = o->gpu_library,
        .cpu_isa = o->isa,
        .progress = progress_show,
    };
    const galago_context_params cp = {.n_ctx = o->n_ctx};
    galago_error e = {0};
    if (galago_model_open(o->model ? o->model : "demo", &mp, &s->model, &e) ||
        galago_context_create(s->model, &cp, &s->context, &e)) {
        int status = report(&e);
        session_close(s);
        return status;
    }
    progress_clear();
    galago_model_get_info(s->model, &s->info);
    /* Who names a library expects the GPU; others are told of it where they ask for it. */
    if (o->gpu_library && s->info.device_note[0] && !o->quiet) fprintf(stderr, "galago: on the CPU: %s\n", s->info.device_note);
    running = s->context;
    return EXIT_DONE;
}

void session_close(cli_session *s)
{
    running = NULL;
    galago_context_destroy(s->context);
    galago_model_close(s->model);
    *s = (cli_session){0};
}

static bool print_piece(void *user, const char *piece, size_t size)
{
    (void)user;
    progress_clear();
    /* A reader that went away (head, a closed pipe) ends the answer. */
    return fwrite(piece, 1, size, stdout) == size && fflush(stdout) == 0;
}

int session_answer(cli_session *s, const options *o, const char *image, const galago_message *messages, size_t n, galago_result *r)
{
    *r = (galago_result){0};
    if (interrupted()) return EXIT_INTERRUPTED; /* between two answers */
    galago_generate_params p = o->generate;
    p.stop = o->stop;
    p.raw = o->raw;
    p.progress = progress_show;
    galago_error e = {0};
    galago_status status = galago_generate(s->context, messages, n, &p, o->json ? NULL : print_piece, NULL, r, &e);
    progress_clear();
    if (status == GALAGO_CANCELLED && ferror(stdout)) {
        error_clear(&e);
        fail(&e, GALAGO_ERR_IO, "the answer could not be written to standard output");
        return report(&e);
    }
    if (status == GALAGO_CANCELLED) {
        if (!o->json) printf("\n");
        return EXIT_INTERRUPTED;
    }
    if (status) {
        if (image) fail_prefix(&e, image_label(image));
        return report(&e);
    }
    if (!o->json && (r->text_size == 0 || r->text[r->text_size - 1] != '\n')) printf("\n");
    return EXIT_DONE;
}

static void result_json(const cli_session *s, const options *o, const char *image, const galago_result *r, buf *out)
{
    static const char *const reasons[] = {"stop", "length", "cancelled"};
    buf_str(out, "{\"model\":");
    json_write_string(out, s->info.name, strlen(s->info.name));
    buf_str(out, ",\"device\":");
    json_write_string(out, s->info.device, strlen(s->info.device));
    if (image) {
        buf_str(out, ",\"image\":");
        /* A data: URL would repeat the whole picture. */
        json_write_string(out, image, strncmp(image, "data:", 5) == 0 ? strcspn(image, ",") : strlen(image));
    }
    buf_str(out, ",\"text\":");
    json_write_string(out, r->text, r->text_size);
    buf_printf(out, ",\"finish_reason\":\"%s\",\"prompt_tokens\":%u,\"completion_tokens\":%u,\"image_tokens\":%u,\"token_ids\":[",
               reasons[r->finish], r->prompt_tokens, r->completion_tokens, r->image_tokens);
    for (uint32_t i = 0; i < r->completion_tokens; i++) buf_printf(out, i ? ",%d" : "%d", (int)r->token_ids[i]);
    buf_str(out, "]");
    if (o->generate.n_logprobs) {
        buf_str(out, ",\"logprobs\":[");
        for (uint32_t i = 0; i < r->completion_tokens; i++) {
            buf_str(out, i ? ",[" : "[");
            for (uint32_t k = 0; k < r->n_logprobs; k++) {
                const galago_logprob *lp = &r->logprobs[(size_t)i * r->n_logprobs + k];
                buf_printf(out, "%s[%d,%.6g]", k ? "," : "", (int)lp->id, (double)lp->logprob);
            }
            buf_str(out, "]");
        }
        buf_str(out, "]");
    }
    buf_printf(out,
               ",\"timings\":{\"load_ms\":%.3f,\"image_ms\":%.3f,\"vision_ms\":%.3f,\"prefill_ms\":%.3f,\"first_token_ms\":%.3f,"
               "\"decode_ms\":%.3f,\"decode_tok_s\":%.3f},\"memory\":{\"weights_bytes\":%llu,\"peak_bytes\":%llu}}",
               s->info.load_ms, r->image_ms, r->vision_ms, r->prefill_ms, r->first_token_ms, r->decode_ms, r->decode_tok_s,
               (unsigned long long)s->info.weights_bytes, (unsigned long long)r->peak_bytes);
}

void print_result(const cli_session *s, const options *o, const char *image, const galago_result *r)
{
    buf line = {0};
    result_json(s, o, image, r, &line);
    if (!line.failed) printf("%s\n", line.data);
    buf_free(&line);
    fflush(stdout);
}
