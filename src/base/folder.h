/* What lies in folders. */
#ifndef BASE_FOLDER_H
#define BASE_FOLDER_H

#include <stdbool.h>

/* Whether a regular file, a folder, has this name. */
bool file_exists(const char *path);
bool folder_exists(const char *path);

/* The names in a folder in no particular order, "." and ".." among them. NULL when it cannot be listed. A page's engine only
 * sees the files that its host registered by name and cannot list them: there the names are the usual ones of a model's files
 * that exist. */
typedef struct folder_entries folder_entries;
folder_entries *folder_open(const char *path);
/* NULL at the end; the name lives until the next call. */
const char *folder_next(folder_entries *f);
void folder_close(folder_entries *f);

#endif
