/* Weights: from the file's block layout into the kernels' tiles (weight.h), slice by slice. */
#include "backend/webgpu/weight.h"

#include "base/arena.h"
#include "base/half.h"
#include "base/quant_k.h"

#include <stdlib.h>
#include <string.h>

enum { SCRATCH_BYTES = 4 << 20 }; /* of packed tiles on their way to the device, for each thread that writes */

/* vec4s of a tile; 0 = row-major */
static const uint8_t tile_vec4s[LAYOUT_COUNT] = {
    [LAYOUT_F16] = 128, [LAYOUT_BF16] = 128, [LAYOUT_Q8] = 68,   [LAYOUT_Q4] = 36,
    [LAYOUT_Q4_1] = 40, [LAYOUT_Q4_K] = 37,  [LAYOUT_Q5_K] = 45, [LAYOUT_Q6_K] = 53,
};

weight_layout weight_layout_of(dtype type)
{
    switch (type) {
    case DTYPE_F16: return LAYOUT_F16;
    case DTYPE_BF16: return LAYOUT_BF16;
    case DTYPE_Q8_0: return LAYOUT_Q8;
    case DTYPE_Q4_0: return LAYOUT_Q4;
    case DTYPE_Q4_1: return LAYOUT_Q4_1;
    case DTYPE_Q4_K: return LAYOUT_Q4_K;
    case DTYPE_Q5_K: return LAYOUT_Q5_K;
    case DTYPE_Q6_K: return LAYOUT_Q6_K;
    default: return LAYOUT_F32;
    }
}

static size_t n_tiles(size_t K) { return K / TILE_COLS + (K % TILE_COLS != 0); }

/* Bytes of four rows (F32: of one row). */
static size_t group_bytes(weight_layout layout, size_t K)
{
    size_t bytes;
    if (layout == LAYOUT_F32) return size_mul_overflow(K, 4, &bytes) ? SIZE_MAX : bytes;
    return size_mul_overflow(n_tiles(K), 16u * tile_vec4s[layout], &bytes) ? SIZE_MAX : bytes;
}

size_t weight_device_bytes(dtype type, size_t n_rows, size_t K)
{
    weight_layout layout = weight_layout_of(type);
    size_t groups = layout == LAYOUT_F32 ? n_rows : n_rows / TILE_ROWS + (n_rows % TILE_ROWS != 0), bytes;
    if (size_mul_overflow(groups, group_bytes(layout, K), &bytes) || bytes > SIZE_MAX - 15) return SIZE_MAX;
    return (bytes + 15) & ~(size_t)15;
}

/* ---- packing ---- */

static uint32_t load_u16(const uint8_t *p) { return (uint32_t)p[0] | (uint32_t)p[1] << 8; }
static uint32_t load_u32(const uint8_t *p) { return load_u16(p) | load_u16(p + 2) << 16; }

/* Four neighbouring 4-bit codes, a byte each: values 4 m .. 4 m + 3 of group g of 32, from where nibbles lie at `q`. */
static uint32_t codes_32(const uint8_t *q, int m) { return load_u32(q + 4 * (m & 3)) >> (m & 4) & 0x0f0f0f0f; }

/* The pieces of a tile that groups of 32 columns go to. `t` points at component r of the tile's first vec4. */
static void put_nibbles(uint32_t *t, int lane, int j, uint32_t codes) { t[4 * lane] |= codes << (4 * j); }

static void pack_q4(dtype type, const uint8_t *b, size_t n_groups, uint32_t *t)
{
    int bytes = dtype_get(type)->block_bytes;
    for (int g = 0; g < (int)n_groups; g++, b += bytes) {
        int j = g >> 2;
        for (int m = 0; m < 8; m++) put_nibbles(t, 8 * (g & 3) + m, j, codes_32(b + bytes - 16, m));
        t[4 * (32 + (g & 3))] |= load_u16(b) << (16 * j);
        if (type == DTYPE_Q4_1) t[4 * (36 + (g & 3))] |= load_u16(b + 2) << (16 * j);
    }
}

static void pack_q8(const uint8_t *b, size_t n_groups, uint32_t *t)
{
    for (int g = 0; g < (int)n_groups; g++, b += 34) {
        int j = g >> 2;
        for (int m = 0; m < 8; m++) t[4 * (32 * j + 8 * (g & 3) + m)] = load_u32(b + 2 + 4 * m) ^ 0x80808080;
        t[4 * (64 + (g & 3))] |= load_u16(b) << (16 * j);
    }
}

static void pack_q45_k(dtype type, const uint8_t *b, uint32_t *t)
{
    bool five = type == DTYPE_Q5_K;
    const uint8_t *high = b + 16, *low = b + (five ? 48 : 16);
    int scales = five ? 40 : 32;
    for (int g = 0; g < 8; g++) {
        int j = g >> 2;
        q45_k_scale s = q45_k_unpack_scale(b + 4, g);
        for (int m = 0; m < 8; m++) {
            int lane = 8 * (g & 3) + m;
            put_nibbles(t, lane, j, load_u32(low + 32 * (g / 2) + 4 * m) >> (4 * (g & 1)) & 0x0f0f0f0f);
            if (five) t[4 * (32 + lane / 4)] |= (load_u32(high + 4 * m) >> g & 0x01010101) << (2 * (lane & 3) + j);
        }
        t[4 * (scales + (g & 3))] |= ((uint32_t)s.scale | (uint32_t)s.min << 8) << (16 * j);
    }
    t[4 * (scales + 4)] = load_u32(b);
}

static void pack_q6_k(const uint8_t *b, uint32_t *t)
{
    for (int g = 0; g < 8; g++) {
        int j = g >> 2;
        const uint8_t *low = b + 64 * j + 32 * (g & 1), *high = b + 128 + 32 * j;
        for (int m = 0; m < 8; m++) {
            int lane = 8 * (g & 3) + m;
            put_nibbles(t, lane, j, load_u32(low + 4 * m) >> (g & 2 ? 4 : 0) & 0x0f0f0f0f);
            t[4 * (32 + lane / 2)] |= (load_u32(high + 4 * m) >> (2 * (g & 3)) & 0x03030303) << (4 * (lane & 1) + 2 * j);
        }
        t[4 * (48 + (g & 3))] |= load_u16(b + 192 + 2 * g) << (16 * j);
    }
    t[4 * 52] = f32_bits(f16_to_f32((uint16_t)load_u16(b + 208)));
}

/* n <= 256 values of row r; here `tile` is the whole tile. */
static void pack_16(const uint8_t *v, size_t n, int r, uint32_t *tile)
{
    for (size_t k = 0; k < n; k++) {
        size_t j = k >> 7, lane = k >> 2 & 31;
        uint32_t *word = tile + 4 * ((2 * j + (size_t)(r / 2)) * 32 + lane) + 2 * (r % 2) + (k >> 1 & 1);
        *word |= load_u16(v + 2 * k) << (16 * (k & 1));
    }
}

void weight_pack(dtype type, const uint8_t *rows, size_t n_rows, size_t K, uint32_t *out)
{
    size_t row_bytes = dtype_row_bytes(type, K), block = dtype_get(type)->block_values;
    size_t words = 4u * tile_vec4s[weight_layout_of(type)];
    assert(words);
    memset(out, 0, weight_device_bytes(type, n_rows, K));
    for (size_t row = 0; row < n_rows; row++) {
        int r = (int)(row % TILE_ROWS);
        uint32_t *tile = out + row / TILE_ROWS * n_tiles(K) * words;
        for (size_t k = 0; k < K; k += TILE_COLS, tile += words) {
            const uint8_t *b = rows + row * row_bytes + k / block * dtype_get(type)->block_bytes;
            size_t n = K - k < TILE_COLS ? K - k : TILE_COLS;
            switch (type) {
            case DTYPE_Q4_0:
            case DTYPE_Q4_1: pack_q4(type, b, n / 32, tile + r); break;
            case DTYPE_Q8_0: pack_q8(b, n / 32, tile + r); break;
            case DTYPE_Q4_K:
            case DTYPE_Q5_K: pack_q45_k(type, b, tile + r); break;
            case DTYPE_Q6_K: pack_q6_k(b, tile + r); break;
            default: pack_16(b, n, r, tile); break;
            }
        }
    }
}

/* ---- to the device ---- */

static void write_at(gpu_buffer b, size_t offset, const void *bytes, size_t size)
{
    uint64_t at = offset;
    while (size) {
        uint32_t n = size < SCRATCH_BYTES ? (uint32_t)size : SCRATCH_BYTES;
        gpu_write(b, (uint32_t)at, (uint32_t)(at >> 32), bytes, n);
        bytes = (const char *)bytes + n, at += n, size -= n;
    }
}

/* Row r of four alone, packed as if it were the first: word by word, for its neighbours belong to other slices, perhaps of
 * other threads. */
static void write_one_row(gpu_buffer b, size_t offset, const uint32_t *packed, weight_layout layout, size_t r, size_t K)
{
    bool pairs = layout == LAYOUT_F16 || layout == LAYOUT_BF16;
    size_t n = n_tiles(K) * tile_vec4s[layout];
    for (size_t i = 0; i < n; i++) {
        if (!pairs)
            write_at(b, offset + 16 * i + 4 * r, packed + 4 * i, 4);
        else if (i / 32 % 2 == 0)
            write_at(b, offset + 16 * (i + 32 * (r / 2)) + 8 * (r % 2), packed + 4 * i, 8);
    }
}

static size_t min_size(size_t a, size_t b) { return a < b ? a : b; }

/* Rows [at, at+n) of a chunk. `scratch` holds `most` rows, a multiple of 4. */
static void write_rows(const chunk *c, dtype type, size_t K, size_t at, size_t n, const uint8_t *rows, uint32_t *scratch,
                       size_t most)
{
    weight_layout layout = weight_layout_of(type);
    size_t row_bytes = dtype_row_bytes(type, K), group = group_bytes(layout, K);
    while (n) {
        size_t offset = c->at + at / TILE_ROWS * group, done = min_size(n, most);
        if (at + done < c->n_rows) done -= done % TILE_ROWS;
        if (at % TILE_ROWS || !done) {
            weight_pack(type, rows, 1, K, scratch);
            write_one_row(c->id, offset, scratch, layout, at % TILE_ROWS, K);
            done = 1;
        } else {
            weight_pack(type, rows, done, K, scratch);
            write_at(c->id, offset, scratch, weight_device_bytes(type, done, K));
        }
        rows += done * row_bytes, at += done, n -= done;
    }
}

void webgpu_weight_write(backend *b, tensor w, size_t first, size_t n, const void *bytes)
{
    weight_layout layout = weight_layout_of(w.type);
    size_t K = tensor_row(w), row_bytes = dtype_row_bytes(w.type, K), most = 0;
    uint32_t *scratch = NULL;
    assert(first + n <= tensor_n_rows(w));
    if (layout != LAYOUT_F32) {
        most = SCRATCH_BYTES / group_bytes(layout, K) * TILE_ROWS;
        most = min_size(most ? most : TILE_ROWS, (n + TILE_ROWS - 1) / TILE_ROWS * TILE_ROWS);
        scratch = malloc(weight_device_bytes(w.type, most, K));
        if (!scratch) {
            record_fail(webgpu_of(b), GALAGO_ERR_MEMORY, "not enough memory to repack a weight");
            return;
        }
    }
    for (uint32_t i = 0; i < w.buffer->n_chunks && n; i++) {
        const chunk *c = &w.buffer->chunks[i];
        if (first >= c->first_row + c->n_rows) continue;
        size_t at = first - c->first_row, here = min_size(n, c->n_rows - at);
        if (scratch)
            write_rows(c, w.type, K, at, here, bytes, scratch, most);
        else
            write_at(c->id, c->at + at * row_bytes, bytes, here * row_bytes);
        bytes = (const char *)bytes + here * row_bytes, first += here, n -= here;
    }
    free(scratch);
}

galago_status webgpu_weight_load(backend *b, tensor *w, const void *bytes, bool stays, error *e)
{
    (void)stays; /* the device has its own memory */
    weight_layout layout = weight_layout_of(w->type);
    size_t n_rows = tensor_n_rows(*w), K = tensor_row(*w), size = weight_device_bytes(w->type, n_rows, K);
    size_t group = group_bytes(layout, K), rows = layout == LAYOUT_F32 ? 1 : TILE_ROWS;
    size_t limit = (size_t)min_size(webgpu_info(webgpu_of(b))->max_binding_mib, 2047) << 20;
    w->buffer = NULL;
    if (size == SIZE_MAX || group + 15 > limit)
        return fail(e, GALAGO_ERR_MEMORY, "a weight of %zu rows of %zu values is more than this device can hold", n_rows, K);
    /* Whole groups, as evenly as they go: no chunk is left with a few rows. */
    size_t n_chunks = size ? (size - 1) / (limit - 15) + 1 : 1, groups = (n_rows + rows - 1) / rows;
    while ((groups + n_chunks - 1) / n_chunks * group + 15 > limit) n_chunks++;
    size_t per_chunk = (groups + n_chunks - 1) / n_chunks * rows;

    buffer *buf = calloc(1, sizeof *buf);
    chunk *chunks = n_chunks > 1 ? calloc(n_chunks, sizeof *chunks) : NULL;
    if (!buf || (n_chunks > 1 && !chunks)) {
        free(buf);
        free(chunks);
        return fail(e, GALAGO_ERR_MEMORY, "not enough memory for a weight");
    }
    buf->chunks = chunks ? chunks : &buf->one;
    buf->layout = layout;
    w->buffer = buf;
    w->offset_bytes = 0;
    if (size && size <= SMALL_WEIGHT) {
        buf->one.n_rows = n_rows;
        buf->page = record_small(webgpu_of(b), size, &buf->one.id, &buf->one.at);
        if (!buf->page) {
            free(buf);
            w->buffer = NULL;
            return fail(e, GALAGO_ERR_MEMORY, "the device has no room for %d MB of small weights", 4);
        }
        buf->n_chunks = 1;
        w->offset_bytes = buf->one.at;
        if (bytes) webgpu_weight_write(b, *w, 0, n_rows, bytes);
        return GALAGO_OK;
    }
    for (size_t first = 0; first < n_rows || buf->n_chunks == 0; first += per_chunk) {
        chunk *c = &buf->chunks[buf->n_chunks];
        *c = (chunk){.first_row = first, .n_rows = min_size(n_rows - first, per_chunk)};
        size_t part = weight_device_bytes(w->type, c->n_rows, K);
        part = part ? part : 16;
        c->id = record_buffer(webgpu_of(b), part);
        if (!c->id) {
            b->ops->buffer_destroy(b, buf);
            w->buffer = NULL;
            return fail(e, GALAGO_ERR_MEMORY, "the device has no room for a weight of %zu MB (%zu rows of %zu values)",
                        size / 1000000, n_rows, K);
        }
        buf->n_chunks++;
        buf->size += part;
    }
    if (bytes) webgpu_weight_write(b, *w, 0, n_rows, bytes);
    return GALAGO_OK;
}
