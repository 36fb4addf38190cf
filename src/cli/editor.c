/* The text in somebody's editor: $EDITOR, else `editor`, else `vi`. */
#include "edit.h"

#include "io/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EDITOR_WORDS_MAX = 16 };

/* $EDITOR may have arguments of its own, as in "code -w". */
static bool start_editor(const char *command, char *path)
{
	AUTO(text) char *words = strdup(command);
	char *argv[EDITOR_WORDS_MAX + 2];
	int count = 0;
	if (words == NULL)
		abort();
	for (char *at = words + strspn(words, " "); *at != '\0' && count < EDITOR_WORDS_MAX;) {
		char *end = at + strcspn(at, " ");
		argv[count++] = at;
		at = end + strspn(end, " ");
		*end = '\0';
	}
	argv[count] = path;
	argv[count + 1] = NULL;
	if (count > 0)
		execvp(argv[0], argv);
	return false;
}

static void run_editors(char *path)
{
	static const char *const fallbacks[] = { "editor", "vi" };
	const char *wanted = getenv("EDITOR");
	if (!text_is_empty(wanted)) {
		start_editor(wanted, path);
		_exit(127);
	}
	for (size_t i = 0; i < ARRAY_SIZE(fallbacks); i++)
		start_editor(fallbacks[i], path);
	_exit(127);
}

static bool wait_for_editor(pid_t pid, struct err *err)
{
	int status;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_errno(err, "the editor");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return err_set(
			err, ERR_INPUT,
			"no editor could be started: set EDITOR, or give changes with --set, --apply or --replace");
	return err_set(err, ERR_OTHER, "the editor ended with an error: nothing was changed");
}

static bool edit_file(char *path, char *text, size_t size, struct err *err)
{
	size_t len;
	pid_t pid = fork();
	if (pid == 0)
		run_editors(path);
	if (pid < 0)
		return err_errno(err, "the editor");
	return wait_for_editor(pid, err) && file_read(path, text, size, &len, err);
}

bool edit_text(char *text, size_t size, struct err *err)
{
	char path[] = "/tmp/howdahctl-XXXXXX.yaml";
	size_t len = strlen(text);
	int fd = mkstemps(path, 5);
	if (fd < 0)
		return err_errno(err, "%s", path);
	bool done = write(fd, text, len) == (ssize_t)len;
	done = close(fd) == 0 && done;
	done = done ? edit_file(path, text, size, err) : err_errno(err, "%s", path);
	unlink(path);
	return done;
}
