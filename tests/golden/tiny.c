/*
 * Tiny random models against the reference (transformers, f32), on every instruction set of the CPU.
 *
 * Tolerances. Activations: 1e-4 of the largest value of the tensor; observed 1e-5 and less on every instruction set, while the
 * smallest real fault (tanh for erf in the merger's GELU) gives 5e-4. Log-probabilities: 1e-3; observed below 1.5e-4 (the
 * reference's own cache gives 8e-5), while faults give 1e-3 to 50.
 */
#include "golden.h"

int main(void)
{
    static const char *const models[] = {"tiny-a", "tiny-b", "tiny-c", "tiny-d"};
    static const char *const cases[] = {"exact", "wide", "tall", "two", "text", "unicode", "long", "chat"};
    static const char *const isas[] = {"ref", "avx2", "avx512"};
    for (size_t i = 0; i < 4; i++)
        for (size_t k = 0; k < 3; k++) {
            backend *b;
            error e = {0};
            if (cpu_backend_create(isas[k], k ? 2 : 1, &b, &e)) {
                printf("%s: not on this machine: %s\n", isas[k], e.message);
                continue;
            }
            check_model(models[i], b, isas[k], GALAGO_DTYPE_F32, cases, sizeof cases / sizeof *cases, (golden_bounds){1e-4, 1e-3});
            b->ops->destroy(b);
        }
    return check_done("golden");
}
