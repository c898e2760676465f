/*
 * Galago: Qwen's small vision-language models on the user's own device.
 *
 *   #include <galago.h>
 *   #include <stdio.h>
 *   static bool print(void *user, const char *piece, size_t n) { (void)user; fwrite(piece, 1, n, stdout); return true; }
 *   int main(void) {
 *       galago_error e; galago_model *m; galago_context *c; galago_image *img;
 *       if (galago_model_open("demo", NULL, &m, &e) || galago_context_create(m, NULL, &c, &e) ||
 *           galago_image_load("cat.jpg", &img, &e)) { fprintf(stderr, "%s\n", e.message); return 2; }
 *       galago_message user = { .role = GALAGO_ROLE_USER, .text = "Describe this image.", .images = &img, .n_images = 1 };
 *       galago_result r; galago_generate(c, &user, 1, NULL, print, NULL, &r, &e);
 *       galago_image_destroy(img); galago_context_destroy(c); galago_model_close(m);
 *   }
 *
 * Conventions. Parameter structs: a zero field means "the default" unless its comment says otherwise; NULL means all
 * defaults. Every function that can fail returns a status and, where `e` is not NULL, a message for people in `*e`.
 * Strings are UTF-8. Whoever creates destroys; destroying NULL is allowed.
 *
 * Threads. A galago_model and a galago_image are immutable and may be shared by contexts in several threads. A
 * galago_context belongs to one thread at a time; only galago_cancel() may be called from any thread (and from a signal
 * handler) while another thread is generating.
 */
#ifndef GALAGO_H
#define GALAGO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define GALAGO_API __attribute__((visibility("default")))
#else
#define GALAGO_API
#endif

#define GALAGO_VERSION "0.1.0"

typedef enum galago_status {
    GALAGO_OK = 0,
    GALAGO_PENDING,         /* asynchronous work not finished; call again */
    GALAGO_CANCELLED,       /* galago_cancel() or a callback that returned false */
    GALAGO_ERR_ARGUMENT,    /* the caller's mistake: a value out of range, a prompt longer than the context */
    GALAGO_ERR_IO,          /* a file could not be opened, read or written */
    GALAGO_ERR_FORMAT,      /* a file is damaged, hostile or not what it claims to be */
    GALAGO_ERR_UNSUPPORTED, /* a valid file that needs what this build does not have */
    GALAGO_ERR_MEMORY,      /* not enough memory, or a device limit */
    GALAGO_ERR_DEVICE_LOST, /* the device went away */
    GALAGO_ERR_INTERNAL,    /* a fault in Galago itself; please report it */
} galago_status;

/* A failure in words. `message` is always terminated; it names the thing and says what to do. */
typedef struct galago_error {
    galago_status status;
    char message[496];
} galago_error;

typedef struct galago_model galago_model;     /* weights, tokenizer and backend; immutable, shared by contexts */
typedef struct galago_context galago_context; /* one conversation: state, buffers, sampler */
typedef struct galago_image galago_image;     /* decoded pixels [height, width, 3] u8 */

/* "0.1.0" */
GALAGO_API const char *galago_version(void);
/* Short name of a status: "ok", "format", ... Never NULL. */
GALAGO_API const char *galago_status_name(galago_status s);

/* ---- model ------------------------------------------------------------------------------------------------ */

typedef enum galago_device { GALAGO_DEVICE_AUTO = 0, GALAGO_DEVICE_CPU, GALAGO_DEVICE_GPU } galago_device;

/* What weights are turned into when they are loaded. Norms, biases and other small tensors always compute in f32. */
typedef enum galago_dtype {
    GALAGO_DTYPE_AS_IS = 0, /* as in the file (synthetic models: bf16) */
    GALAGO_DTYPE_F32,
    GALAGO_DTYPE_F16,
    GALAGO_DTYPE_Q8_0,
    GALAGO_DTYPE_Q4_0, /* matrices q4_0, embedding and head q6_k, vision tower q8_0 */
} galago_dtype;

/* Called with a fraction done of a long work (0..1) and its name ("load", "vision", "prefill"); false cancels it. */
typedef bool (*galago_progress_fn)(void *user, const char *stage, double fraction);

typedef struct galago_model_params {
    const char *mmproj;    /* path of the vision part of a GGUF pair; NULL = found beside the text part */
    galago_device device;  /* AUTO takes the GPU where there is one, else the CPU */
    galago_dtype dtype;    /* see galago_dtype */
    uint32_t n_threads;    /* CPU threads; 0 = the number of processors */
    uint64_t min_pixels;   /* smallest image area after resizing; 0 = the model's own */
    uint64_t max_pixels;   /* largest image area; 0 = 1,280 image tokens or the model's own limit, the lower */
    uint64_t memory_limit; /* bytes that weights may take; 0 = what the machine has */
    const char *gpu_library; /* path of a WebGPU library (Dawn's C API); NULL = found by its usual names */
    const char *cpu_isa;   /* "auto" (NULL), "ref", "avx2", "avx512": for tests and measurements */
    galago_progress_fn progress;
    void *progress_user;
} galago_model_params;

/* Opens a model: "demo", "synthetic:qwen3.5-0.8b" (also -2b, -4b), a GGUF file, or a Hugging Face folder.
 * Files stay mapped until galago_model_close(). On success *out is owned by the caller; on failure it is NULL.
 * Errors: IO, FORMAT, UNSUPPORTED, MEMORY, CANCELLED. */
GALAGO_API galago_status galago_model_open(const char *name, const galago_model_params *params, galago_model **out,
                                           galago_error *e);
/* The same in bounded steps, for a host whose one thread must not be held: begin, then step until it is not GALAGO_PENDING (then
 * the opening is gone: *out or an error); abandon gives up before that. Strings in `params` are only read by begin. */
typedef struct galago_opening galago_opening;
GALAGO_API galago_status galago_model_open_begin(const char *name, const galago_model_params *params, galago_opening **out,
                                                 galago_error *e);
GALAGO_API galago_status galago_model_open_step(galago_opening *o, galago_model **out, galago_error *e);
GALAGO_API void galago_model_open_abandon(galago_opening *o);
/* All contexts of the model must be destroyed first. */
GALAGO_API void galago_model_close(galago_model *m);

typedef struct galago_model_info {
    const char *name;         /* as given to open */
    const char *family;       /* "qwen3_5" */
    const char *device;       /* "cpu (avx2, 2 threads)", "webgpu (NVIDIA H100, subgroups)" */
    const char *device_note;  /* why AUTO did not take the GPU, for people; "" where it did or was not asked */
    uint64_t n_params;        /* parameters, without the MTP layer */
    uint64_t weights_bytes;   /* bytes of all weights in the form they are used in */
    uint32_t n_layers, d_model, n_vocab;
    uint32_t max_context;     /* positions the model was made for */
    uint32_t image_factor;    /* image sides are multiples of this many pixels; one image token covers factor x factor */
    uint64_t min_pixels, max_pixels; /* limits in force */
    bool has_vision, has_mtp;
    double load_ms;
} galago_model_info;
/* Strings live as long as the model. */
GALAGO_API void galago_model_get_info(const galago_model *m, galago_model_info *info);

/* One weight of the model as it is held: for `inspect` and for tests. */
typedef struct galago_tensor_info {
    const char *name;  /* the checkpoint's name */
    const char *dtype; /* "f32", "bf16", "q4_0", ... */
    uint32_t n_dims;
    uint64_t shape[4]; /* outermost first */
    uint64_t bytes;
} galago_tensor_info;
GALAGO_API size_t galago_model_n_tensors(const galago_model *m);
/* i < galago_model_n_tensors(). */
GALAGO_API void galago_model_get_tensor(const galago_model *m, size_t i, galago_tensor_info *info);
/* The model's configuration and the memory plan for a context of `n_ctx` tokens (0 = default) as JSON text:
 * {"family":…,"text":{…},"vision":{…},"memory":{"weights_bytes":…,"context_bytes":…,"scratch_bytes":…}}.
 * The text is owned by the caller: galago_free(). */
GALAGO_API galago_status galago_model_describe(const galago_model *m, uint32_t n_ctx, char **text, galago_error *e);
GALAGO_API void galago_free(void *p);

/* ---- conversion -------------------------------------------------------------------------------------------- */

typedef struct galago_convert_params {
    const char *dtype;        /* of the text matrices: "f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "q4_k", "q5_k", "q6_k";
                                 NULL = "f16" */
    const char *embed_dtype;  /* of embedding and head; NULL = as other tools do it: q6_k for 4- and 5-bit types, else dtype */
    const char *vision_dtype; /* of the vision matrices; NULL = "f16" for 16- and 32-bit types, else "q8_0" */
    const char *mmproj;       /* vision part of a GGUF source; NULL = found beside it */
    bool drop_mtp;            /* leave the MTP layer out */
    galago_progress_fn progress;
    void *progress_user;
} galago_convert_params;

/* Writes `source` (anything galago_model_open() takes) as a standard GGUF pair: <out>.gguf and, when the model sees,
 * <dir>/mmproj-<base>.gguf. Files appear under their names only when complete; a failure leaves nothing behind.
 * Errors: as galago_model_open(), and IO (the disk is full: says how much is needed). */
GALAGO_API galago_status galago_convert(const char *source, const char *out_path, const galago_convert_params *params,
                                        galago_error *e);

/* ---- images ------------------------------------------------------------------------------------------------ */

/* Decodes JPEG (EXIF orientation applied), PNG, WebP, GIF (first frame) or BMP, at most 100 megapixels.
 * Transparent pictures lose their alpha channel without compositing, as the reference does.
 * Errors: FORMAT (names the format and the fault), UNSUPPORTED, MEMORY. The bytes may be freed afterwards. */
GALAGO_API galago_status galago_image_decode(const void *bytes, size_t size, galago_image **out, galago_error *e);
/* The same from a file. */
GALAGO_API galago_status galago_image_load(const char *path, galago_image **out, galago_error *e);
/* From pixels: rows of `width` RGB triples, `stride` bytes apart. The pixels are copied. */
GALAGO_API galago_status galago_image_from_rgb(const uint8_t *rgb, uint32_t width, uint32_t height, size_t stride,
                                               galago_image **out, galago_error *e);
GALAGO_API void galago_image_size(const galago_image *img, uint32_t *width, uint32_t *height);
GALAGO_API void galago_image_destroy(galago_image *img);

/* ---- text -------------------------------------------------------------------------------------------------- */

/* Text to ids. With `special` control tokens such as <|im_end|> in the text become their ids; without it they stay
 * ordinary text, as user text must. Writes at most `capacity` ids and stores the number needed in *n_ids. */
GALAGO_API galago_status galago_tokenize(const galago_model *m, const char *text, size_t size, bool special,
                                         int32_t *ids, size_t capacity, size_t *n_ids, galago_error *e);
/* Ids to text; control tokens are written only with `special`. Undefined ids give nothing. Writes at most `capacity`
 * bytes (no terminator) and stores the number needed in *size. */
GALAGO_API galago_status galago_detokenize(const galago_model *m, const int32_t *ids, size_t n_ids, bool special,
                                           char *text, size_t capacity, size_t *size, galago_error *e);

/* ---- generation -------------------------------------------------------------------------------------------- */

typedef struct galago_context_params {
    uint32_t n_ctx; /* tokens of prompt and answer together; 0 = 4096 (or the model's own maximum, if lower) */
    /* For hosts whose one thread must not be held (a page's worker): galago_generate_begin() lays the prompt out and returns;
     * each galago_generate_next() does one bounded piece of work and returns GALAGO_PENDING until there is a token. */
    bool never_wait;
} galago_context_params;

GALAGO_API galago_status galago_context_create(const galago_model *m, const galago_context_params *params,
                                               galago_context **out, galago_error *e);
GALAGO_API void galago_context_destroy(galago_context *c);

typedef enum galago_role { GALAGO_ROLE_SYSTEM = 0, GALAGO_ROLE_USER, GALAGO_ROLE_ASSISTANT } galago_role;

/* One message of a conversation. Images stand before the text unless the text has markers: each "<image>" on its own
 * in `text` when `inline_images` is set is replaced by the next image. */
typedef struct galago_message {
    galago_role role;
    const char *text; /* NULL = "" */
    galago_image *const *images;
    size_t n_images;
    bool inline_images;
} galago_message;

typedef struct galago_generate_params {
    uint32_t max_tokens;       /* 0 = 512 */
    float temperature;         /* 0 = greedy */
    uint32_t top_k;            /* 0 = off */
    float top_p;               /* 0 or 1 = off */
    float min_p;               /* 0 = off */
    float repetition_penalty;  /* 0 or 1 = off; over prompt and answer, as Hugging Face does it */
    float presence_penalty;    /* subtracted once from each token already in the answer */
    float frequency_penalty;   /* subtracted for each time it is in the answer */
    uint64_t seed;             /* same seed, same words; 0 is a seed too */
    const char *const *stop;   /* strings that end the answer; they are not part of it */
    size_t n_stop;
    uint32_t n_logprobs;       /* best logprobs recorded for each token, 0..64 */
    bool ignore_eos;           /* go on past the end tokens, for measurements */
    bool think;                /* let the model reason first */
    bool raw;                  /* messages[0].text is the rendered chat text, one <|image_pad|> per image: no template is added */
    /* Tokens of this answer that the caller has already (an answer that was interrupted): it goes on behind them as if it had made
     * them itself. They count for max_tokens and are part of the result, but not of the pieces. */
    const int32_t *answer_ids;
    size_t n_answer_ids;
    galago_progress_fn progress; /* vision and prefill */
    void *progress_user;
} galago_generate_params;

typedef enum galago_finish { GALAGO_FINISH_STOP = 0, GALAGO_FINISH_LENGTH, GALAGO_FINISH_CANCELLED } galago_finish;

typedef struct galago_logprob {
    int32_t id;
    float logprob; /* natural log of the softmax of the raw logits over the whole vocabulary */
} galago_logprob;

/* Everything about one answer. All pointers belong to the context and live until its next call. */
typedef struct galago_result {
    const char *text; /* the answer, complete UTF-8, without stop strings */
    size_t text_size;
    galago_finish finish;
    const int32_t *token_ids; /* [completion_tokens], the end token included when one was drawn */
    const galago_logprob *logprobs; /* [completion_tokens, n_logprobs], best first */
    uint32_t n_logprobs;
    uint32_t prompt_tokens;     /* all tokens of the prompt, reused ones included */
    uint32_t reused_tokens;     /* of these, kept from the call before */
    uint32_t image_tokens;
    uint32_t completion_tokens;
    double image_ms, vision_ms, prefill_ms, first_token_ms, decode_ms; /* first_token_ms: from the call to the first id */
    double decode_tok_s;        /* tokens after the first, per second of decode_ms */
    uint64_t peak_bytes;        /* largest memory of the process so far */
} galago_result;

/* Receives the answer as it is made: whole characters only. Returning false cancels. */
typedef bool (*galago_text_fn)(void *user, const char *piece, size_t size);

/* Answers a conversation (system message first if any, then user and assistant turns, a user message last).
 * State of the longest common beginning with the call before is reused. `on_text` may be NULL; so may `result`.
 * On CANCELLED *result holds what there is. Errors: ARGUMENT (prompt longer than the context: says by how much),
 * MEMORY, CANCELLED, DEVICE_LOST. The context stays usable after every error but DEVICE_LOST. */
GALAGO_API galago_status galago_generate(galago_context *c, const galago_message *messages, size_t n_messages,
                                         const galago_generate_params *params, galago_text_fn on_text, void *user,
                                         galago_result *result, galago_error *e);

/* Pull instead of push: begin, then next until *done, then result. */
GALAGO_API galago_status galago_generate_begin(galago_context *c, const galago_message *messages, size_t n_messages,
                                               const galago_generate_params *params, galago_error *e);
/* Makes one token; with never_wait GALAGO_PENDING until there is one. *piece is empty while a character is incomplete; it lives until the next call. *done comes with the last
 * piece; calls after it give an empty piece and *done again. */
GALAGO_API galago_status galago_generate_next(galago_context *c, const char **piece, size_t *size, bool *done,
                                              galago_error *e);
GALAGO_API void galago_generate_result(const galago_context *c, galago_result *result);

/* Stops the running call of `c` at the next token or prefill piece. Any thread. */
GALAGO_API void galago_cancel(galago_context *c);
/* Forgets the conversation, keeps the buffers. */
GALAGO_API void galago_context_reset(galago_context *c);
/* Raw logits [n_vocab] of the latest position, for measurements and tests. NULL before the first generation. */
GALAGO_API const float *galago_context_logits(const galago_context *c);

#ifdef __cplusplus
}
#endif
#endif
