/* Writing GGUF version 3: to a temporary file that gets its name only when it is complete. */
#define _GNU_SOURCE
#include "weights/weights_impl.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { ALIGNMENT = 32, TEMPORARY_TAIL = 40 };

typedef struct declared {
    size_t offset, bytes; /* within the data */
} declared;

struct gguf_writer {
    char *path, *temporary;
    int fd; /* -1 = no file */
    bool finished, published, failed;
    buf keys, infos;
    uint64_t n_keys, n_tensors;
    declared *tensors;
    size_t capacity, data_bytes;
    size_t current, written; /* tensor that is being written, bytes of it so far */
    uint64_t total_bytes;    /* of the whole file */
};

galago_status gguf_writer_create(const char *path, gguf_writer **out, error *e)
{
    *out = NULL;
    gguf_writer *g = calloc(1, sizeof *g);
    size_t size = strlen(path) + TEMPORARY_TAIL;
    if (g) {
        g->fd = -1;
        g->path = strdup(path);
        g->temporary = malloc(size);
    }
    if (!g || !g->path || !g->temporary) {
        gguf_writer_destroy(g);
        return fail(e, GALAGO_ERR_MEMORY, "%s: not enough memory", path);
    }
    *out = g;
    return GALAGO_OK;
}

/* ---- keys ---- */

static void put_u32(buf *b, uint32_t v)
{
    const uint8_t bytes[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
    buf_append(b, bytes, sizeof bytes);
}
static void put_u64(buf *b, uint64_t v)
{
    put_u32(b, (uint32_t)v);
    put_u32(b, (uint32_t)(v >> 32));
}
static void put_f32(buf *b, float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    put_u32(b, bits);
}
static void put_string(buf *b, const char *bytes, size_t size)
{
    put_u64(b, size);
    buf_append(b, bytes, size);
}

static void begin_key(gguf_writer *g, const char *key, gguf_type type)
{
    g->n_keys++;
    put_string(&g->keys, key, strlen(key));
    put_u32(&g->keys, (uint32_t)type);
}
static void begin_array(gguf_writer *g, const char *key, gguf_type type, size_t n)
{
    begin_key(g, key, GGUF_ARRAY);
    put_u32(&g->keys, (uint32_t)type);
    put_u64(&g->keys, n);
}

void gguf_put_u32(gguf_writer *g, const char *key, uint32_t v)
{
    begin_key(g, key, GGUF_U32);
    put_u32(&g->keys, v);
}
void gguf_put_f32(gguf_writer *g, const char *key, float v)
{
    begin_key(g, key, GGUF_F32);
    put_f32(&g->keys, v);
}
void gguf_put_bool(gguf_writer *g, const char *key, bool v)
{
    begin_key(g, key, GGUF_BOOL);
    buf_append(&g->keys, v ? "\1" : "\0", 1);
}
void gguf_put_string(gguf_writer *g, const char *key, const char *bytes, size_t size)
{
    begin_key(g, key, GGUF_STRING);
    put_string(&g->keys, bytes, size);
}
void gguf_put_u32_array(gguf_writer *g, const char *key, const uint32_t *v, size_t n)
{
    begin_array(g, key, GGUF_U32, n);
    for (size_t i = 0; i < n; i++) put_u32(&g->keys, v[i]);
}
void gguf_put_i32_array(gguf_writer *g, const char *key, const int32_t *v, size_t n)
{
    begin_array(g, key, GGUF_I32, n);
    for (size_t i = 0; i < n; i++) put_u32(&g->keys, (uint32_t)v[i]);
}
void gguf_put_f32_array(gguf_writer *g, const char *key, const float *v, size_t n)
{
    begin_array(g, key, GGUF_F32, n);
    for (size_t i = 0; i < n; i++) put_f32(&g->keys, v[i]);
}
void gguf_put_bool_array(gguf_writer *g, const char *key, const bool *v, size_t n)
{
    begin_array(g, key, GGUF_BOOL, n);
    for (size_t i = 0; i < n; i++) buf_append(&g->keys, v[i] ? "\1" : "\0", 1);
}
void gguf_put_string_array(gguf_writer *g, const char *key, size_t n,
                           void (*get)(void *user, size_t i, buf *out), void *user)
{
    buf text = {0};
    begin_array(g, key, GGUF_STRING, n);
    for (size_t i = 0; i < n; i++) {
        text.size = 0;
        get(user, i, &text);
        put_string(&g->keys, text.data, text.size);
    }
    g->failed |= text.failed;
    buf_free(&text);
}

void gguf_put_keys_of(gguf_writer *g, const weights *w, bool vision,
                      bool (*keep)(void *user, const char *key), void *user)
{
    /* The vision part is the last file; further parts of a split text file repeat nothing that the first has
     * not. */
    uint32_t file = vision ? w->n_files - 1 : 0;
    for (size_t i = 0; i < w->n_keys; i++) {
        const gguf_key *k = &w->keys[i];
        if (k->file != file || !keep(user, k->name)) continue;
        begin_key(g, k->name, (gguf_type)k->type);
        buf_append(&g->keys, k->raw, k->bytes);
    }
}

/* ---- tensors ---- */

void gguf_declare(gguf_writer *g, const char *name, dtype type, uint32_t n_dims, const size_t *shape)
{
    assert(n_dims >= 1 && n_dims <= 4 && strlen(name) <= 64 && g->fd < 0);
    if (g->n_tensors == g->capacity) {
        size_t n = g->capacity ? 2 * g->capacity : 256;
        declared *p = realloc(g->tensors, n * sizeof *p);
        if (!p) {
            g->failed = true;
            return;
        }
        g->tensors = p;
        g->capacity = n;
    }
    size_t bytes = dtype_row_bytes(type, shape[n_dims - 1]);
    assert(bytes);
    for (uint32_t i = 0; i + 1 < n_dims; i++)
        if (size_mul_overflow(bytes, shape[i], &bytes)) g->failed = true;
    g->data_bytes = (g->data_bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    put_string(&g->infos, name, strlen(name));
    put_u32(&g->infos, n_dims);
    for (uint32_t i = 0; i < n_dims; i++) put_u64(&g->infos, shape[n_dims - 1 - i]);
    put_u32(&g->infos, (uint32_t)type);
    put_u64(&g->infos, g->data_bytes);
    g->tensors[g->n_tensors++] = (declared){g->data_bytes, bytes};
    g->failed |= size_add_overflow(g->data_bytes, bytes, &g->data_bytes);
}

/* ---- the file ---- */

static galago_status write_failed(gguf_writer *g, int reason, error *e)
{
    g->failed = true;
    if (reason == ENOSPC || reason == EDQUOT || reason == EFBIG)
        return fail(e, GALAGO_ERR_IO,
                    "%s: the disk is too full: the file needs %llu bytes%s; nothing was left behind", g->path,
                    (unsigned long long)g->total_bytes,
                    reason == EFBIG ? ", more than a file may have here" : "");
    return fail(e, GALAGO_ERR_IO, "%s: cannot be written: %s", g->path, strerror(reason));
}

static galago_status write_all(gguf_writer *g, const void *bytes, size_t size, error *e)
{
    const char *p = bytes;
    while (size) {
        ssize_t n = write(g->fd, p, size);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return write_failed(g, n < 0 ? errno : ENOSPC, e);
        p += n;
        size -= (size_t)n;
    }
    return GALAGO_OK;
}

static const char zeros[ALIGNMENT];

galago_status gguf_writer_begin_data(gguf_writer *g, error *e)
{
    buf head = {0};
    buf_append(&head, "GGUF", 4);
    put_u32(&head, 3);
    put_u64(&head, g->n_tensors);
    put_u64(&head, g->n_keys);
    buf_append(&head, g->keys.data, g->keys.size);
    buf_append(&head, g->infos.data, g->infos.size);
    buf_append(&head, zeros, (ALIGNMENT - head.size % ALIGNMENT) % ALIGNMENT);
    galago_status s = GALAGO_OK;
    if (g->failed || g->keys.failed || g->infos.failed || head.failed) {
        s = fail(e, GALAGO_ERR_MEMORY, "%s: not enough memory for its header", g->path);
        goto done;
    }
    g->total_bytes = (uint64_t)head.size + (g->data_bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;

    /* Opened like any file, so that it gets the permissions that the user's mask leaves. */
    for (unsigned i = 0; i < 100 && g->fd < 0; i++) {
        snprintf(g->temporary, strlen(g->path) + TEMPORARY_TAIL, "%s.part-%ld-%u", g->path, (long)getpid(),
                 i);
        g->fd = open(g->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (g->fd < 0 && errno != EEXIST) break;
    }
    if (g->fd < 0) {
        s = fail(e, GALAGO_ERR_IO, "%s: cannot be made: %s", g->path, strerror(errno));
        goto done;
    }
    struct statvfs disk;
    if (fstatvfs(g->fd, &disk) == 0 && (uint64_t)disk.f_bavail * disk.f_frsize < g->total_bytes) {
        s = fail(
            e, GALAGO_ERR_IO,
            "%s: the disk is too full: the file needs %llu bytes, %llu are free; nothing was left behind",
            g->path, (unsigned long long)g->total_bytes, (unsigned long long)disk.f_bavail * disk.f_frsize);
        goto done;
    }
    /* Reserving lets the second file of a pair see what the first will take. Not every file system can. */
    if (fallocate(g->fd, 0, 0, (off_t)g->total_bytes) &&
        (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)) {
        s = write_failed(g, errno, e);
        goto done;
    }
    s = write_all(g, head.data, head.size, e);
done:
    buf_free(&head);
    return s;
}

galago_status gguf_write(gguf_writer *g, const void *bytes, size_t size, error *e)
{
    assert(g->fd >= 0 && g->current < g->n_tensors);
    const declared *t = &g->tensors[g->current];
    assert(size <= t->bytes - g->written);
    galago_status s = write_all(g, bytes, size, e);
    if (s) return s;
    g->written += size;
    if (g->written < t->bytes) return GALAGO_OK;
    g->current++;
    g->written = 0;
    return write_all(g, zeros, (ALIGNMENT - t->bytes % ALIGNMENT) % ALIGNMENT, e);
}

galago_status gguf_writer_finish(gguf_writer *g, error *e)
{
    assert(g->fd >= 0 && g->current == g->n_tensors && !g->failed);
    if (fsync(g->fd) && errno != EINVAL && errno != EROFS) return write_failed(g, errno, e);
    int closed = close(g->fd);
    g->fd = -1;
    g->finished = true;
    return closed ? write_failed(g, errno, e) : GALAGO_OK;
}

galago_status gguf_writer_publish(gguf_writer *g, error *e)
{
    assert(g->finished);
    if (rename(g->temporary, g->path))
        return fail(e, GALAGO_ERR_IO, "%s: cannot be named: %s", g->path, strerror(errno));
    g->published = true;
    return GALAGO_OK;
}

void gguf_writer_withdraw(gguf_writer *g)
{
    if (g->published) unlink(g->path);
}

void gguf_writer_destroy(gguf_writer *g)
{
    if (!g) return;
    bool exists = g->fd >= 0 || (g->finished && !g->published);
    if (g->fd >= 0) close(g->fd);
    if (exists) unlink(g->temporary);
    buf_free(&g->keys);
    buf_free(&g->infos);
    free(g->tensors);
    free(g->path);
    free(g->temporary);
    free(g);
}
