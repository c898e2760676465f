/* UTF-8, buffers, arenas and 16-bit floats. */
#include "../check.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/half.h"
#include "base/utf8.h"

#include <math.h>

/* Every code point there and back, and every byte pair and a sample of longer ones against the definition. */
static void test_utf8(void)
{
    size_t wrong = 0;
    for (uint32_t cp = 0; cp < 0x110000; cp++) {
        char s[4];
        uint32_t back = 0;
        if (cp >= 0xd800 && cp < 0xe000) continue;
        size_t n = utf8_encode(cp, s);
        size_t want = cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
        wrong +=
            n != want || utf8_decode(s, 4, &back) != n || back != cp || utf8_decode(s, n - 1, &back) != 0;
        for (size_t k = 1; k < n; k++) wrong += utf8_incomplete_tail(s, k) != k;
        wrong += utf8_incomplete_tail(s, n) != 0;
    }
    CHECK(wrong == 0, "%zu code points", wrong);
    /* Of all sequences of four bytes exactly the encodings of scalar values are characters: count them by
     * length. */
    size_t count[5] = {0};
    for (uint32_t w = 0; w < 1u << 24; w++) { /* lead, second, third; the fourth is 0x80: one of 64 */
        char s[4] = {(char)(w >> 16), (char)(w >> 8), (char)w, (char)0x80};
        uint32_t cp;
        size_t n = utf8_decode(s, 4, &cp);
        if (n == 1 || n == 2)
            count[n] += (w & (n == 1 ? 0xffff : 0xff)) == 0;
        else
            count[n]++;
    }
    CHECK(count[1] == 128 && count[2] == 1920 && count[3] == 61440 && count[4] == 1048576 / 64,
          "%zu %zu %zu %zu", count[1], count[2], count[3], count[4]);
    CHECK(utf8_valid("", 0) && utf8_valid("a\xc3\xa9", 3) && !utf8_valid("a\xc3", 2) &&
              !utf8_valid("\xed\xa0\x80", 3),
          "valid");
    static const struct {
        const char *s;
        size_t want;
    } tails[] = {{"", 0},
                 {"a", 0},
                 {"\x80", 0},
                 {"\xc3", 1},
                 {"\xc1", 0},
                 {"a\xe2\x82", 2},
                 {"\xe2\x82\xac", 0},
                 {"\xf0\x9f\x98", 3},
                 {"\xe0\x80", 0},
                 {"\xed\xa0", 0},
                 {"\xf4\x90", 0},
                 {"\x80\x80\x80", 0},
                 {"\xf0\x80\x80", 0},
                 {"\xc3\xa9\xc3", 1}};
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++)
        CHECK(utf8_incomplete_tail(tails[i].s, strlen(tails[i].s)) == tails[i].want, "tail %zu", i);
}

static void test_buf(void)
{
    buf b = {0};
    for (int i = 0; i < 1000; i++) buf_printf(&b, "%d,", i);
    CHECK(b.size == 3890 && !b.failed && b.data[b.size] == 0 && !strncmp(b.data + b.size - 4, "999,", 4),
          "%zu bytes", b.size);
    size_t before = b.size;
    buf_append(&b, NULL, 0);
    CHECK(b.size == before, "nothing appended");
    CHECK(!buf_reserve(&b, SIZE_MAX - 10) && b.failed && b.size == before, "overflow is seen");
    buf_str(&b, "x");
    CHECK(b.size == before && b.failed, "a failed buffer stays as it is");
    buf_free(&b);
    CHECK(!b.data && !b.size && !b.failed, "free");
}

static void test_arena(void)
{
    arena a = {0};
    unsigned char *seen[300];
    for (size_t i = 0; i < 300; i++) {
        size_t n = i % 3 ? i : i * 1000;
        seen[i] = arena_alloc(&a, n);
        CHECK(seen[i] && (uintptr_t)seen[i] % 64 == 0, "block %zu", i);
        for (size_t k = 0; k < n; k++)
            if (seen[i][k]) CHECK(false, "block %zu is not zero", i);
        memset(seen[i], (int)i, n);
    }
    bool kept = true;
    for (size_t i = 0; i < 300; i++)
        for (size_t k = 0; k < (i % 3 ? i : i * 1000); k++) kept &= seen[i][k] == (unsigned char)i;
    CHECK(kept, "blocks overlap");
    CHECK(!arena_alloc(&a, SIZE_MAX) && !arena_alloc(&a, SIZE_MAX - 100) && !arena_array(&a, SIZE_MAX / 2, 3),
          "overflow");
    CHECK(!strcmp(arena_string(&a, "abcd", 3), "abc"), "string");
    arena_free(&a);
    CHECK(a.used_bytes == 0 && !a.head, "free");
    a.limit_bytes = 1000;
    CHECK(arena_alloc(&a, 800) && !arena_alloc(&a, 200) && arena_alloc(&a, 10), "limit");
    CHECK(a.used_bytes <= 1000, "%zu used", a.used_bytes);
    arena_free(&a);
}

/* Nearest of all finite halves, ties to even, by search: the definition itself. */
static uint16_t nearest_half(float f)
{
    uint16_t sign = signbit(f) ? 0x8000 : 0, low = 0, high = 0x7c00;
    double x = fabs((double)f);
    if (x >= 65520) return sign | 0x7c00;
    while (high - low > 1) {
        uint16_t mid = (uint16_t)((low + high) / 2);
        if ((double)f16_to_f32(mid) <= x)
            low = mid;
        else
            high = mid;
    }
    double below = x - (double)f16_to_f32(low),
           above = (high == 0x7c00 ? 65536 : (double)f16_to_f32(high)) - x;
    return sign | (below < above || (below == above && !(low & 1)) ? low : high);
}

static void test_half(void)
{
    size_t wrong = 0;
    for (uint32_t h = 0; h < 65536; h++) {
        float f = f16_to_f32((uint16_t)h), expected = ldexpf((float)((h & 0x3ff) | (h & 0x7c00 ? 0x400 : 0)),
                                                             (int)(h >> 10 & 31) - 25 + !(h & 0x7c00));
        if (h & 0x8000) expected = -expected;
        if ((h & 0x7c00) == 0x7c00)
            wrong += h & 0x3ff ? !isnan(f) : !isinf(f) || (signbit(f) != 0) != (h >> 15 != 0);
        else
            wrong += f32_bits(f) != f32_bits(expected);
        if (!isnan(f))
            wrong += f32_to_f16(f) != h;
        else
            wrong += (f32_to_f16(f) & 0x7c00) != 0x7c00 || !(f32_to_f16(f) & 0x3ff);
        float g = bf16_to_f32((uint16_t)h);
        if (!isnan(g))
            wrong += f32_to_bf16(g) != h;
        else
            wrong += !isnan(bf16_to_f32(f32_to_bf16(g)));
    }
    CHECK(wrong == 0, "%zu of 65536 differ", wrong);
    unsigned long long seed = 3;
    for (int i = 0; i < 200000; i++) {
        /* Exponents about the range of halves; the mantissa's low bits often on or beside a tie. */
        uint32_t u = (95 + check_random(&seed) % 52) << 23 | (check_random(&seed) & 0x807fffff);
        if (i % 2) u = (u & 0xffffe000) | (i % 4 == 1 ? 0x1000 : 0x1000 + check_random(&seed) % 3 - 1);
        float f = f32_from_bits(u);
        wrong += f32_to_f16(f) != nearest_half(f);
        uint16_t b = (uint16_t)(u >> 16);
        uint32_t rest = u & 0xffff;
        if (rest > 0x8000 || (rest == 0x8000 && (b & 1))) b++;
        wrong += f32_to_bf16(f) != b;
    }
    CHECK(wrong == 0, "%zu of 200000 roundings", wrong);
    CHECK(f32_to_f16(65519.996f) == 0x7bff && f32_to_f16(65520) == 0x7c00 && f32_to_f16(-1e30f) == 0xfc00,
          "overflow");
    CHECK(f32_to_f16(0x1p-25f) == 0 && f32_to_f16(0x1.8p-25f) == 1 && f32_to_f16(-0.0f) == 0x8000,
          "underflow");
}

int main(void)
{
    test_utf8();
    test_buf();
    test_arena();
    test_half();
    return check_done("base_memory");
}
