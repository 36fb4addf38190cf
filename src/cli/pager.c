/* A text through $PAGER, where somebody sits at a terminal. */
#include "edit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGER_WORDS_MAX = 16, EXIT_NO_PAGER = 127 };

/* $PAGER may have arguments of its own. A short text is shown and left on the screen where `less` is not told otherwise. */
static void become_pager(const char *command, int fd)
{
	AUTO(text) char *words = strdup(command);
	char *argv[PAGER_WORDS_MAX + 1];
	int count = 0;
	if (words == NULL || dup2(fd, STDIN_FILENO) < 0)
		_exit(EXIT_NO_PAGER);
	for (char *at = words + strspn(words, " "); *at != '\0' && count < PAGER_WORDS_MAX;) {
		char *end = at + strcspn(at, " ");
		char *next = end + strspn(end, " ");
		argv[count++] = at;
		*end = '\0';
		at = next;
	}
	argv[count] = NULL;
	setenv("LESS", "FRX", 0);
	if (count > 0)
		execvp(argv[0], argv);
	_exit(EXIT_NO_PAGER);
}

static bool run_pager(const char *command, int fd)
{
	int status;
	pid_t pid = fork();
	if (pid == 0)
		become_pager(command, fd);
	if (pid < 0)
		return false;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return !WIFEXITED(status) || WEXITSTATUS(status) != EXIT_NO_PAGER;
}

bool page_text(const char *text)
{
	const char *command = getenv("PAGER");
	size_t len = strlen(text);
	if (text_is_empty(command))
		return false;
	AUTO(fd) int fd = memfd_create("howdahctl", 0);
	if (fd < 0 || write(fd, text, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET) != 0)
		return false;
	return run_pager(command, fd);
}
