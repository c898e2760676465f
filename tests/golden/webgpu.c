/*
 * Tiny random models against the reference (transformers, f32) on the GPU: one case of each, between them one and two pictures,
 * several turns, and heads and widths of every kind. A software adapter takes most of the time to compile kernels.
 *
 * Tolerances as in tiny.c: activations 1e-4 of the largest value of the tensor (observed 9e-6), log-probabilities 1e-3 (observed
 * 5e-5); the smallest real fault gives 5e-4 of an activation.
 *
 * With f16 tiles activations of a prompt are rounded to f16, which these models enlarge: the CPU gives the same differences, up to 1e-2
 * and 4e-2, when its activations are rounded so (with 8-bit ones, 4e-1 and 2). Hence 2e-2 and 1e-1; a fault that gives less is one of
 * the plain kernels' too. The greedy ids must be equal all the same.
 */
#include "golden.h"

#include "backend/webgpu/weight.h"

int main(int argc, char **argv)
{
    bool f16_only = argc > 1 && !strcmp(argv[1], "f16");
    static const char *const models[] = {"tiny-a", "tiny-b", "tiny-c", "tiny-d"}, *const cases[] = {"exact", "two", "chat", "exact"};
    const char *library = getenv("GALAGO_TEST_WEBGPU");
    if (!library || !*library) {
        printf("skipped: GALAGO_TEST_WEBGPU names no WebGPU library (tests/webgpu/get_library.sh fetches one)\n");
        printf("golden/webgpu: 0 passed, 0 failed\n");
        return 0;
    }
    backend *b;
    error e = {0};
    if (webgpu_backend_create(library, &b, &e)) {
        CHECK(false, "%s", e.message);
        return check_done("golden/webgpu");
    }
    uint32_t *f16 = &webgpu_features(b)->f16, has_f16 = *f16;
    *f16 = 0;
    CHECK(has_f16 || !f16_only, "the adapter has no f16");
    for (size_t i = 0; i < 4 && !f16_only; i++) check_model(models[i], b, "webgpu", GALAGO_DTYPE_F32, &cases[i], 1, (golden_bounds){1e-4, 1e-3});
    *f16 = has_f16;
    for (size_t i = 0; i < 4 && has_f16; i++)
        if (i == 1 || !b->is_software) /* two pictures; a software adapter takes a minute for each model */
            check_model(models[i], b, "webgpu, f16", GALAGO_DTYPE_F16, &cases[i], 1, (golden_bounds){2e-2, 1e-1});
    b->ops->destroy(b);
    return check_done("golden/webgpu");
}
