/* What other builds have and a page's engine does without. */
#include "engine/engine.h"
#include "image/decode.h"

#include <string.h>

static galago_status not_here(const char *format, error *e)
{
    return fail(e, GALAGO_ERR_UNSUPPORTED, "%s: this build reads no %s files; let the page decode it and hand its pixels over", format,
                format);
}

galago_status decode_jpeg(const uint8_t *bytes, size_t size, image *out, error *e)
{
    (void)bytes, (void)size, (void)out;
    return not_here("JPEG", e);
}

galago_status decode_png(const uint8_t *bytes, size_t size, image *out, error *e)
{
    (void)bytes, (void)size, (void)out;
    return not_here("PNG", e);
}

galago_status decode_webp(const uint8_t *bytes, size_t size, image *out, error *e)
{
    (void)bytes, (void)size, (void)out;
    return not_here("WebP", e);
}

/* The host registers the demo model under its file's name. */
galago_status locate_demo(char **path, error *e)
{
    *path = strdup("demo.gguf");
    return *path ? GALAGO_OK : fail(e, GALAGO_ERR_MEMORY, "not enough memory for a model");
}
