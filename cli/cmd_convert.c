#include "cli.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

int cmd_convert(const options *o)
{
    if (o->n_args != 2) return usage_error(o, "needs the source and the name of the GGUF file to write");
    size_t n = strlen(o->args[1]);
    if (n < 6 || strcmp(o->args[1] + n - 5, ".gguf") != 0) return usage_error(o, "%s: the name must end in .gguf", o->args[1]);
    progress_enable(!o->quiet);
    /* Whatever stops a conversion, the half files go: they can be gigabytes. */
    interrupt_catch(SIGINT);
    interrupt_catch(SIGTERM);
    interrupt_catch(SIGHUP);
    const galago_convert_params p = {
        .dtype = o->dtype,
        .embed_dtype = o->embed_dtype,
        .vision_dtype = o->vision_dtype,
        .mmproj = o->mmproj,
        .drop_mtp = o->drop_mtp,
        .progress = progress_show,
    };
    galago_error e = {0};
    if (galago_convert(o->args[0], o->args[1], &p, &e)) return report(&e);
    progress_clear();
    if (o->json) {
        buf b = {0};
        buf_str(&b, "{\"written\":");
        json_write_string(&b, o->args[1], n);
        buf_str(&b, "}");
        printf("%s\n", b.data);
        buf_free(&b);
    } else if (!o->quiet) {
        fprintf(stderr, "%s is written.\n", o->args[1]);
    }
    return EXIT_DONE;
}
