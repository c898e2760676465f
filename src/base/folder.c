#include "base/folder.h"

#include <dirent.h>
#include <sys/stat.h>

bool file_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

bool folder_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* A DIR under another name. */
folder_entries *folder_open(const char *path) { return (folder_entries *)opendir(path); }

const char *folder_next(folder_entries *f)
{
    const struct dirent *entry = readdir((DIR *)f);
    return entry ? entry->d_name : 0;
}

void folder_close(folder_entries *f) { closedir((DIR *)f); }
