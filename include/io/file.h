/* Small files, whole, with the durability that is asked for. Blocking: only for files of a few KB on a local disk. */
#ifndef HOWDAH_IO_FILE_H
#define HOWDAH_IO_FILE_H

#include "base/err.h"

#include <sys/types.h>

/* Reads at most size - 1 bytes and a NUL; longer is an error. ERR_MISSING when there is no such file. */
MUST_CHECK bool file_read(const char *path, char *text, size_t size, size_t *len, struct err *err);

/* New file, fsync, rename, fsync of the directory: afterwards it is there whole, or the old one is. */
MUST_CHECK bool file_write(const char *path, const char *text, size_t len, mode_t mode, struct err *err);

/* New file and rename, without waiting for the disk: after a crash of the machine the old one may be there, or an empty one. */
MUST_CHECK bool file_replace(const char *path, const char *text, size_t len, mode_t mode, struct err *err);
/* The same with the content of another file. */
MUST_CHECK bool file_copy(const char *from, const char *to, mode_t mode, struct err *err);

/* No error when it is not there; the directory is synced. */
MUST_CHECK bool file_remove(const char *path, struct err *err);
bool file_exists(const char *path);
/* Another number when the file, or the link of that name, was changed or replaced; 0: there is none. */
uint64_t file_stamp(const char *path);
MUST_CHECK bool file_sync_dir(const char *path, struct err *err); /* what was made, renamed or removed in it */
MUST_CHECK bool file_make_dir(const char *path, mode_t mode, struct err *err); /* parents too; fine when it is there */
MUST_CHECK bool file_boot_id(char *text, size_t size, struct err *err);        /* of this boot of the machine */

#endif
