/* Small files with the durability that is asked for. Errors name the path. */
#include "io/file.h"

#include "base/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool fail_open(const char *path, struct err *err)
{
	bool missing = errno == ENOENT || errno == ENOTDIR;
	err_errno(err, "cannot open %s", path);
	if (missing)
		err->kind = ERR_MISSING;
	return false;
}

/* As read(), but goes on after signals and until size bytes or the end; -1: errno says why. */
static ssize_t read_all(int fd, char *text, size_t size)
{
	size_t len = 0;
	while (len < size) {
		ssize_t n = read(fd, text + len, size - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

bool file_read(const char *path, char *text, size_t size, size_t *len, struct err *err)
{
	assert(size > 0);
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO of that name is not waited for */
	if (fd < 0)
		return fail_open(path, err);
	ssize_t n = read_all(fd, text, size); /* one byte more than there is room for shows that it is too long */
	if (n < 0)
		return err_errno(err, "cannot read %s", path);
	if ((size_t)n == size)
		return err_set(err, ERR_OTHER, "%s is longer than %zu bytes", path, size - 1);
	text[n] = '\0';
	*len = (size_t)n;
	return true;
}

static bool write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		text += n;
		len -= (size_t)n;
	}
	return true;
}

bool file_sync_dir(const char *path, struct err *err)
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail_open(path, err);
	return fsync(fd) == 0 || err_errno(err, "cannot sync %s", path);
}

static bool sync_dir_of(const char *path, struct err *err)
{
	char dir[PATH_MAX];
	if (!text_copy(dir, sizeof(dir), path))
		return err_set(err, ERR_INPUT, "%s: path too long", path);
	char *slash = strrchr(dir, '/');
	if (slash == NULL)
		text_copy(dir, sizeof(dir), ".");
	else
		slash[slash == dir] = '\0'; /* the root keeps its slash */
	return file_sync_dir(dir, err);
}

struct content {
	const char *text;
	size_t len;
	mode_t mode;
	bool durable;
};

static bool write_new(const char *path, const struct content *content, struct err *err)
{
	AUTO(fd) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, content->mode);
	if (fd < 0)
		return fail_open(path, err);
	/* the mode of a file that was left over, and bits that the umask took */
	if (fchmod(fd, content->mode) != 0 || !write_all(fd, content->text, content->len) ||
	    (content->durable && fsync(fd) != 0))
		return err_errno(err, "cannot write %s", path);
	return true;
}

static bool put(const char *path, const struct content *content, struct err *err)
{
	char fresh[PATH_MAX];
	struct strbuf b;
	strbuf_init(&b, fresh, sizeof(fresh));
	strbuf_addf(&b, "%s.new", path);
	if (!strbuf_ok(&b))
		return err_set(err, ERR_INPUT, "%s: path too long", path);
	if (!write_new(fresh, content, err)) {
		unlink(fresh);
		return false;
	}
	if (rename(fresh, path) != 0) {
		err_errno(err, "cannot rename %s to %s", fresh, path);
		unlink(fresh);
		return false;
	}
	return true;
}

bool file_write(const char *path, const char *text, size_t len, mode_t mode, struct err *err)
{
	const struct content content = { text, len, mode, true };
	return put(path, &content, err) && sync_dir_of(path, err);
}

bool file_replace(const char *path, const char *text, size_t len, mode_t mode, struct err *err)
{
	const struct content content = { text, len, mode, false };
	return put(path, &content, err);
}

bool file_copy(const char *from, const char *to, mode_t mode, struct err *err)
{
	struct stat st;
	AUTO(fd) int fd = open(from, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail_open(from, err);
	if (fstat(fd, &st) != 0)
		return err_errno(err, "cannot read %s", from);
	if (!S_ISREG(st.st_mode) || st.st_size == 0)
		return err_set(err, ERR_OTHER, "%s is empty or no file", from);
	void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		return err_errno(err, "cannot read %s", from);
	bool done = file_write(to, bytes, (size_t)st.st_size, mode, err);
	munmap(bytes, (size_t)st.st_size);
	return done;
}

bool file_remove(const char *path, struct err *err)
{
	if (unlink(path) != 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return true;
		return err_errno(err, "cannot remove %s", path);
	}
	return sync_dir_of(path, err);
}

bool file_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

uint64_t file_stamp(const char *path)
{
	struct stat st, link;
	if (stat(path, &st) != 0 || lstat(path, &link) != 0)
		return 0;
	uint64_t time = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
	uint64_t link_time = (uint64_t)link.st_mtim.tv_sec * 1000000000u + (uint64_t)link.st_mtim.tv_nsec;
	return (time * 31 + link_time) * 31 + (uint64_t)st.st_ino * 7 + (uint64_t)st.st_size + 1;
}

static bool make_one_dir(const char *path, mode_t mode, struct err *err)
{
	struct stat st;
	if (mkdir(path, mode) == 0)
		return true;
	int why = errno;
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return true;
	errno = why;
	return err_errno(err, "cannot make the directory %s", path);
}

bool file_make_dir(const char *path, mode_t mode, struct err *err)
{
	char dir[PATH_MAX];
	if (path[0] == '\0' || !text_copy(dir, sizeof(dir), path))
		return err_set(err, ERR_INPUT, "'%s' cannot be a directory's name", path);
	for (char *slash = strchr(dir + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (!make_one_dir(dir, mode, err))
			return false;
		*slash = '/';
	}
	return make_one_dir(dir, mode, err);
}

bool file_boot_id(char *text, size_t size, struct err *err)
{
	size_t len;
	if (!file_read("/proc/sys/kernel/random/boot_id", text, size, &len, err))
		return err_wrap(err, "boot id");
	text[strcspn(text, "\n")] = '\0';
	return true;
}
