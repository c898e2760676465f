/* Folders of a host that knows its files by name alone. */
#include "base/folder.h"

#include "wasm/host.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PATH = 1024 };

/* In a model's folder, in the order in which they are looked for. */
static const char *const usual[] = {"config.json", "model.safetensors.index.json", "model.safetensors"};
enum { N_USUAL = sizeof usual / sizeof *usual };

struct folder_entries {
    size_t next;
    char path[MAX_PATH];
};

bool file_exists(const char *path)
{
    int32_t file = host_open(path, strlen(path));
    if (file < 0) return false;
    host_close(file);
    return true;
}

static bool holds(const char *in, const char *name)
{
    char path[MAX_PATH + 64];
    snprintf(path, sizeof path, "%s/%s", in, name);
    return file_exists(path);
}

bool folder_exists(const char *path) { return strlen(path) < MAX_PATH && holds(path, usual[0]); }

folder_entries *folder_open(const char *path)
{
    folder_entries *f = strlen(path) < MAX_PATH ? malloc(sizeof *f) : NULL;
    if (!f) return NULL;
    f->next = 0;
    strcpy(f->path, path);
    return f;
}

const char *folder_next(folder_entries *f)
{
    while (f->next < N_USUAL) {
        const char *name = usual[f->next++];
        if (holds(f->path, name)) return name;
    }
    return NULL;
}

void folder_close(folder_entries *f) { free(f); }
