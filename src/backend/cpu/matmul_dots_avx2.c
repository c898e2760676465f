/*
 * Dot products of weight rows with few tokens, AVX2: decoding. Memory sets the speed, so each row is read
 * once, in order, straight from the file's blocks, and the arithmetic has to stay below the time a block
 * takes to arrive: about 2 cycles for 32 weights.
 *
 * Eight blocks of 32 are taken at a time, so that their scales are converted and multiplied as one vector.
 * The codes stay unsigned where they can (vpmaddubsw multiplies u8 by s8); what that leaves out, m * sum(q)
 * and the codes' offset, is one multiply-add for eight blocks with the sums that came with the activations.
 */
#include "backend/cpu/matmul_avx2.h"

#include "base/half.h"

/* How far ahead of the block at hand rows are asked for; rows lie one behind the other. Measured:
 * bench/matmul.md. */
enum { PREFETCH_BYTES = 1024 };

INLINE float sum_of(__m256 v)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    s = _mm_add_ss(s, _mm_movehdup_ps(s));
    return _mm_cvtss_f32(s);
}

INLINE void prefetch(const uint8_t *p, int bytes)
{
    for (int i = 0; i < bytes; i += 64) _mm_prefetch((const char *)p + PREFETCH_BYTES + i, _MM_HINT_T0);
}

INLINE uint64_t load_u16(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, 2);
    return v;
}

/* Eight halves, `stride` bytes apart, of which the first n are there. */
INLINE __m256 load_halves(const uint8_t *p, size_t stride, size_t n)
{
    uint64_t lo, hi;
    if (n == 8) { /* in integer registers: the vector units are busy. The empty statements keep gcc from
                     vectorising it. */
        lo = load_u16(p) | load_u16(p + stride) << 16 | load_u16(p + 2 * stride) << 32 |
             load_u16(p + 3 * stride) << 48;
        __asm__("" : "+r"(lo));
        p += 4 * stride;
        hi = load_u16(p) | load_u16(p + stride) << 16 | load_u16(p + 2 * stride) << 32 |
             load_u16(p + 3 * stride) << 48;
        __asm__("" : "+r"(hi));
    } else {
        uint16_t h[8] = {0};
        for (size_t i = 0; i < n; i++) h[i] = (uint16_t)load_u16(p + i * stride);
        memcpy(&lo, h, 8), memcpy(&hi, h + 4, 8);
    }
    return _mm256_cvtph_ps(_mm_set_epi64x((long long)hi, (long long)lo));
}

INLINE float load_half(const uint8_t *p)
{
    return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128((int)load_u16(p))));
}

/* The 12 packed bytes of Q4_K and Q5_K as 8 + 8 numbers 0..63: scales in the low lane, minima in the high
 * one. */
INLINE void load_k_scales(const uint8_t *b, __m256 *d, __m256 *m)
{
    uint32_t s0, s1, s2;
    memcpy(&s0, b + 4, 4), memcpy(&s1, b + 8, 4), memcpy(&s2, b + 12, 4);
    uint64_t scale = (s0 & 0x3f3f3f3fu) | (uint64_t)((s2 & 0x0f0f0f0fu) | ((s0 >> 2) & 0x30303030u)) << 32;
    uint64_t min = (s1 & 0x3f3f3f3fu) | (uint64_t)(((s2 >> 4) & 0x0f0f0f0fu) | ((s1 >> 2) & 0x30303030u))
                                            << 32;
    __m256 scales = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)scale)));
    __m256 mins = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)min)));
    *d = _mm256_mul_ps(scales, _mm256_set1_ps(load_half(b)));
    *m = _mm256_mul_ps(mins, _mm256_set1_ps(-load_half(b + 2)));
}

/* Low nibbles in the low lane, high nibbles in the high one. */
INLINE __m256i load_nibbles(const uint8_t *p)
{
    __m256i v = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)p));
    v = _mm256_srlv_epi32(v, _mm256_setr_epi32(0, 0, 0, 0, 4, 4, 4, 4));
    return _mm256_and_si256(v, _mm256_set1_epi8(15));
}

/* Whether value i and value i + 16 of a block share a byte: two blocks are then taken together, one in each lane, which adds
 * their 16-bit products before they are widened. */
INLINE bool in_pairs(dtype type) { return type == DTYPE_Q4_0 || type == DTYPE_Q4_1; }

INLINE bool in_256_blocks(dtype type)
{
    return type == DTYPE_Q4_K || type == DTYPE_Q5_K || type == DTYPE_Q6_K;
}

/* What eight blocks share. For Q6_K `d` is one number and the sub-block scales are apart. */
typedef struct group_scales {
    __m256 d, m;
    __m256i s[2]; /* Q6_K: the 16 scales in 16 bits: 0..7 in both lanes, 8..15 in both lanes */
    __m256i s16;  /* ... and all in order */
} group_scales;

INLINE group_scales load_scales(dtype type, const uint8_t *b, size_t n)
{
    group_scales g = {0};
    switch (type) {
    case DTYPE_Q4_0:
        g.d = load_halves(b, 18, n);
        g.m = _mm256_mul_ps(g.d, _mm256_set1_ps(-8));
        break;
    case DTYPE_Q4_1:
        g.d = load_halves(b, 20, n);
        g.m = load_halves(b + 2, 20, n);
        break;
    case DTYPE_Q8_0: g.d = load_halves(b, 34, n); break;
    case DTYPE_Q4_K:
    case DTYPE_Q5_K: load_k_scales(b, &g.d, &g.m); break;
    default: /* Q6_K */
        g.d = _mm256_set1_ps(load_half(b + 208));
        g.s16 = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(b + 192)));
        g.s[0] = _mm256_permute4x64_epi64(g.s16, 0x44);
        g.s[1] = _mm256_permute4x64_epi64(g.s16, 0xee);
        break;
    }
    return g;
}

/* The 32 codes of block j of eight: unsigned but for Q8_0. */
INLINE __m256i load_codes(dtype type, const uint8_t *b, int j)
{
    const __m256i low4 = _mm256_set1_epi8(15);
    switch (type) {
    case DTYPE_Q4_0: return load_nibbles(b + 18 * j + 2);
    case DTYPE_Q4_1: return load_nibbles(b + 20 * j + 4);
    case DTYPE_Q8_0: return _mm256_loadu_si256((const __m256i *)(b + 34 * j + 2));
    case DTYPE_Q4_K:
    case DTYPE_Q5_K: {
        __m256i v = _mm256_loadu_si256((const __m256i *)(b + (type == DTYPE_Q4_K ? 16 : 48) + 32 * (j / 2)));
        v = _mm256_and_si256(j & 1 ? _mm256_srli_epi16(v, 4) : v, low4);
        if (type == DTYPE_Q4_K) return v;
        __m256i high = _mm256_loadu_si256((const __m256i *)(b + 16));
        high = j < 4 ? _mm256_slli_epi16(high, 4 - j) : _mm256_srli_epi16(high, j - 4);
        return _mm256_or_si256(v, _mm256_and_si256(high, _mm256_set1_epi8(16)));
    }
    default: { /* Q6_K */
        __m256i low = _mm256_loadu_si256((const __m256i *)(b + 64 * (j / 4) + 32 * (j & 1)));
        __m256i high = _mm256_loadu_si256((const __m256i *)(b + 128 + 32 * (j / 4)));
        low = _mm256_and_si256(j & 2 ? _mm256_srli_epi16(low, 4) : low, low4);
        switch (j & 3) {
        case 0: high = _mm256_slli_epi16(high, 4); break;
        case 1: high = _mm256_slli_epi16(high, 2); break;
        case 2: break;
        default: high = _mm256_srli_epi16(high, 2); break;
        }
        return _mm256_or_si256(low, _mm256_and_si256(high, _mm256_set1_epi8(0x30)));
    }
    }
}

/* Words 2i and 2i+1 of the eight scales of a half (in both lanes): the first through the low lane, the second
 * through the high. */
INLINE __m256i spread_scales(__m256i s, int i)
{
    const __m256i first = _mm256_setr_epi8(0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 2, 3, 2, 3, 2, 3,
                                           2, 3, 2, 3, 2, 3, 2, 3, 2, 3);
    return _mm256_shuffle_epi8(s, _mm256_add_epi8(first, _mm256_set1_epi8((char)(4 * i))));
}

INLINE __m256i dot_codes(dtype type, __m256i codes, __m256i q, const group_scales *g, int j)
{
    if (type == DTYPE_Q8_0) { /* |w| * (sign of w) q; pairs stay below 2^15 */
        __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(codes), _mm256_sign_epi8(q, codes));
        return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
    }
    __m256i factors = type == DTYPE_Q6_K ? spread_scales(g->s[j / 4], j & 3) : _mm256_set1_epi16(1);
    return _mm256_madd_epi16(_mm256_maddubs_epi16(codes, q), factors);
}

/* Value i of each lane in all of the lane. */
INLINE __m256 spread(__m256 v, int i)
{
    switch (i) {
    case 0: return _mm256_permute_ps(v, 0x00);
    case 1: return _mm256_permute_ps(v, 0x55);
    case 2: return _mm256_permute_ps(v, 0xaa);
    default: return _mm256_permute_ps(v, 0xff);
    }
}

/* One block's part of the sum for NT tokens. */
INLINE void add_block(dtype type, const uint8_t *b, int j, const group_scales *g, const int8_t *const *q,
                      __m256 (*scale)[2], __m256 *acc, int NT)
{
    __m256i codes = load_codes(type, b, j);
    UNROLL
    for (int t = 0; t < NT; t++) {
        __m256i sum = dot_codes(type, codes, _mm256_loadu_si256((const __m256i *)(q[t] + 32 * j)), g, j);
        __m256 *to =
            NT == 1 ? &acc[j & 1] : &acc[t]; /* one token alone needs two chains to hide the latency */
        *to = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum), spread(scale[t][j / 4], j & 3), *to);
    }
}

/* The same of blocks 2i and 2i+1 of eight; scale[t][0]: of blocks 0 2 4 6 in the low lane, 1 3 5 7 in the high one. */
INLINE void add_pair(dtype type, const uint8_t *b, int i, const int8_t *const *q, __m256 (*scale)[2], __m256 *acc, int NT)
{
    const __m256i low4 = _mm256_set1_epi8(15);
    int stride = type == DTYPE_Q4_0 ? 18 : 20, at = 2 * i * stride + stride - 16;
    __m256i both = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(b + at))),
                                           _mm_loadu_si128((const __m128i *)(b + at + stride)), 1);
    __m256i first = _mm256_and_si256(both, low4), last = _mm256_and_si256(_mm256_srli_epi16(both, 4), low4);
    UNROLL
    for (int t = 0; t < NT; t++) {
        const __m256i *x = (const __m256i *)(q[t] + 64 * i);
        /* Four products of at most 15 * 127. */
        __m256i sum = _mm256_add_epi16(_mm256_maddubs_epi16(first, _mm256_loadu_si256(x)),
                                       _mm256_maddubs_epi16(last, _mm256_loadu_si256(x + 1)));
        sum = _mm256_madd_epi16(sum, _mm256_set1_epi16(1));
        __m256 *to = NT == 1 ? &acc[i & 1] : &acc[t];
        *to = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum), spread(scale[t][0], i), *to);
    }
}

/* The n blocks of a group, eight but at a row's end, for NT tokens from t0 on; i: the group's first block; pairs: see in_pairs(). */
INLINE void add_group(dtype type, const uint8_t *b, size_t i, size_t n, bool pairs, const act8 *a, size_t t0, int NT,
                      __m256 *acc, __m256 *offset)
{
    const int8_t *q[DOT_MAX_TOKENS];
    __m256 scale[DOT_MAX_TOKENS][2];
    group_scales g = load_scales(type, b, n);
    UNROLL
    for (int t = 0; t < NT; t++) {
        size_t at = (t0 + (size_t)t) * a->n_blocks + i;
        __m256 s = _mm256_mul_ps(g.d, _mm256_loadu_ps(a->scale + at));
        scale[t][0] = pairs ? _mm256_permutevar8x32_ps(s, _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7))
                            : _mm256_permute2f128_ps(s, s, 0x00);
        if (!pairs) scale[t][1] = _mm256_permute2f128_ps(s, s, 0x11);
        q[t] = (pairs ? a->pairs : a->q) + (t0 + (size_t)t) * a->K + i * ACT_BLOCK;
        if (type == DTYPE_Q6_K) { /* the codes are 32 too large: sum of s * sum(q) over each block's halves */
            __m256i h = _mm256_loadu_si256((const __m256i *)(a->half_sum + 2 * at));
            __m256 c = _mm256_cvtepi32_ps(_mm256_slli_epi32(_mm256_madd_epi16(g.s16, h), 5));
            offset[t] = _mm256_fnmadd_ps(c, s, offset[t]);
        } else if (type != DTYPE_Q8_0) {
            offset[t] = _mm256_fmadd_ps(g.m, _mm256_loadu_ps(a->sum + at), offset[t]);
        }
    }
    /* Constant indices keep the sums in registers. Only rows of 32-value blocks end inside a group. */
    if (pairs) {
        UNROLL
        for (int j = 0; j < 4; j++) add_pair(type, b, j, q, scale, acc, NT);
    } else if (n == 8) {
        UNROLL
        for (int j = 0; j < 8; j++) add_block(type, b, j, &g, q, scale, acc, NT);
    } else {
        UNROLL
        for (int j = 0; j < 7; j++)
            if ((size_t)j < n) add_block(type, b, j, &g, q, scale, acc, NT);
    }
}

INLINE void dot_rows(dtype type, size_t group_bytes, weight_rows w, const matmul_input *in, size_t t0, int NT,
                     float *p, size_t p_stride)
{
    const act8 *a = &in->a;
    size_t n_blocks = a->K / ACT_BLOCK;
    for (size_t r = 0; r < w.n; r++) {
        const uint8_t *b = w.bytes + r * w.row_bytes;
        __m256 acc[DOT_MAX_TOKENS], offset[DOT_MAX_TOKENS];
        UNROLL
        for (int t = 0; t < NT; t++) offset[t] = _mm256_setzero_ps();
        UNROLL
        for (int t = 0; t < DOT_MAX_TOKENS; t++) acc[t] = _mm256_setzero_ps();
        for (size_t i = 0; i < n_blocks; i += 8, b += group_bytes) {
            size_t n = in_256_blocks(type) || n_blocks - i > 8 ? 8 : n_blocks - i;
            prefetch(b, (int)group_bytes);
            if (in_pairs(type) && n == 8)
                add_group(type, b, i, 8, true, a, t0, NT, acc, offset);
            else
                add_group(type, b, i, n, false, a, t0, NT, acc, offset);
        }
        if (NT == 1) acc[0] = _mm256_add_ps(acc[0], acc[1]);
        UNROLL
        for (int t = 0; t < NT; t++) p[(size_t)t * p_stride + r] = sum_of(_mm256_add_ps(acc[t], offset[t]));
    }
}

#define DOT(name, type, group_bytes)                                                                         \
    void name(weight_rows w, const matmul_input *in, size_t t0, size_t nt, float *p, size_t p_stride)        \
    {                                                                                                        \
        switch (nt) {                                                                                        \
        case 1: dot_rows(type, group_bytes, w, in, t0, 1, p, p_stride); break;                               \
        case 2: dot_rows(type, group_bytes, w, in, t0, 2, p, p_stride); break;                               \
        case 3: dot_rows(type, group_bytes, w, in, t0, 3, p, p_stride); break;                               \
        default: dot_rows(type, group_bytes, w, in, t0, 4, p, p_stride); break;                              \
        }                                                                                                    \
    }
DOT(dot_q4_0_avx2, DTYPE_Q4_0, 8 * 18)
DOT(dot_q4_1_avx2, DTYPE_Q4_1, 8 * 20)
DOT(dot_q8_0_avx2, DTYPE_Q8_0, 8 * 34)
DOT(dot_q4_k_avx2, DTYPE_Q4_K, 144)
DOT(dot_q5_k_avx2, DTYPE_Q5_K, 176)
DOT(dot_q6_k_avx2, DTYPE_Q6_K, 210)
