/* Broken invariants stop the module: the host sees a RuntimeError whose stack names the function. No message, which would
 * carry every expression's text in the file that pages download. */
#undef assert
#ifdef NDEBUG
#define assert(claim) ((void)0)
#else
#define assert(claim) ((claim) ? (void)0 : __builtin_trap())
#endif
#ifndef static_assert
#define static_assert _Static_assert
#endif
