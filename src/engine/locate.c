/* Finding the demo model: paths that follow from where the program is, none from the environment. */
#define _GNU_SOURCE
#include "engine/engine.h"

#include <dirent.h>
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where `make install` puts models: <prefix>/share/galago. The Makefile names it. */
#ifndef GALAGO_DATADIR
#define GALAGO_DATADIR "/usr/local/share/galago"
#endif

static bool is_text_part(const char *name)
{
    size_t n = strlen(name);
    return n > 5 && strcmp(name + n - 5, ".gguf") == 0 && !strstr(name, "mmproj");
}

/* The first text part of a GGUF pair in the folder, in the order of names; NULL when there is none.
 * malloc'ed. */
static char *text_part_in(const char *folder)
{
    DIR *d = opendir(folder);
    if (!d) return NULL;
    char *best = NULL;
    for (struct dirent *entry; (entry = readdir(d));) {
        if (!is_text_part(entry->d_name)) continue;
        if (best && strcmp(entry->d_name, best) >= 0) continue;
        free(best);
        best = strdup(entry->d_name);
        if (!best) break;
    }
    closedir(d);
    if (!best) return NULL;
    size_t size = strlen(folder) + strlen(best) + 2;
    char *path = malloc(size);
    if (path) snprintf(path, size, "%s/%s", folder, best);
    free(best);
    return path;
}

/* Folder of a file, "." when its path has none. */
static void folder_of(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash)
        *slash = 0;
    else
        strcpy(path, ".");
}

galago_status locate_demo(char **path, error *e)
{
    *path = NULL;
    char program[PATH_MAX] = "", library[PATH_MAX] = "", looked[320] = "";
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (n > 0) {
        program[n] = 0;
        folder_of(program);
    } else {
        program[0] = 0;
    }
    Dl_info info;
    if (dladdr((const void *)&galago_version, &info) && info.dli_fname &&
        strlen(info.dli_fname) < sizeof library) {
        strcpy(library, info.dli_fname);
        folder_of(library);
    }
    /* A program that was moved with its tree finds its own models before those of another installation. The
     * build's programs are one or two folders deep (build/, build/x/). */
    static const char *const beside[] = {"../share/galago/models/demo", "../models/demo",
                                         "../../models/demo"};
    for (int place = 0; place < 8; place++) {
        char folder[PATH_MAX + 64];
        const char *base = place < 3 ? library : program;
        if (place < 6) {
            if (!base[0]) continue;
            snprintf(folder, sizeof folder, "%s/%s", base, beside[place % 3]);
        } else {
            snprintf(folder, sizeof folder, "%s", place == 6 ? GALAGO_DATADIR "/models/demo" : "models/demo");
        }
        *path = text_part_in(folder);
        if (*path) return GALAGO_OK;
        size_t used = strlen(looked);
        if (!strstr(looked, folder) && used + strlen(folder) + 3 < sizeof looked)
            strcat(strcat(looked, used ? ", " : ""), folder);
    }
    return fail(e, GALAGO_ERR_IO,
                "the demo model was not found (looked in %s); give the path of a model instead", looked);
}
