/*
 * Tiny random models against the reference (transformers, f32) on the GPU: one case of each, between them one and two pictures,
 * several turns, and heads and widths of every kind. A software adapter takes most of the time to compile kernels.
 *
 * Tolerances as in tiny.c: activations 1e-4 of the largest value of the tensor (observed 9e-6), log-probabilities 1e-3 (observed
 * 5e-5); the smallest real fault gives 5e-4 of an activation.
 */
#include "golden.h"

int main(void)
{
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
    for (size_t i = 0; i < 4; i++) check_model(models[i], b, "webgpu", &cases[i], 1, (golden_bounds){1e-4, 1e-3});
    b->ops->destroy(b);
    return check_done("golden/webgpu");
}
