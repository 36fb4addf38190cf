/* `kubectl howdah` on a laptop: the command runs as howdahctl beside a member, where its configuration and passwords are. */
#include "plugin.h"
#include "cli.h"

#include "base/strbuf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORDS_MAX = 128, PODS_SIZE = 65536, SELECTOR_SIZE = 256 };

#define SELECTOR "app.kubernetes.io/name=howdah"
/* Of each pod: its name, its cluster, whether its sidecar is ready. */
#define COLUMNS                                                                                                        \
	"jsonpath={range .items[*]}{.metadata.name} {.metadata.labels.cluster-name} "                                  \
	"{.status.initContainerStatuses[?(@.name==\"howdah\")].ready}{\"\\n\"}{end}"

struct words {
	int count;
	const char *list[WORDS_MAX + 1];
};

struct request {
	struct words kubectl; /* kubectl, and its options that say which cluster of Kubernetes, which namespace */
	const char *scope;    /* NULL: the only one there */
	int argc;
	const char *const *argv; /* the command and what follows it */
};

static bool add(struct words *words, const char *word, struct err *err)
{
	if (words->count == WORDS_MAX)
		return err_set(err, ERR_INPUT, "more than %d words", WORDS_MAX);
	words->list[words->count++] = word;
	words->list[words->count] = NULL;
	return true;
}

static bool is_option(const char *word, const char *name)
{
	size_t len = strlen(name);
	return strncmp(word, name, len) == 0 && (word[len] == '\0' || word[len] == '=');
}

static bool is_kubectls(const char *word)
{
	static const char *const names[] = { "-n", "--namespace", "--context", "--kubeconfig" };
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (is_option(word, names[i]))
			return true;
	return false;
}

/* One option before the command, with its value behind `=` or in the next word. */
static bool take_option(struct request *request, struct err *err)
{
	const char *word = request->argv[0], *equals = strchr(word, '=');
	bool scope = is_option(word, "--scope");
	const char *value = equals != NULL ? equals + 1 : request->argc > 1 ? request->argv[1] : NULL;
	if (value == NULL)
		return err_set(err, ERR_INPUT, "%s needs a value", word);
	int used = equals != NULL ? 1 : 2;
	if (scope)
		request->scope = value;
	for (int i = 0; !scope && i < used; i++)
		if (!add(&request->kubectl, request->argv[i], err))
			return false;
	request->argc -= used;
	request->argv += used;
	return true;
}

static bool parse(struct request *request, struct err *err)
{
	if (!add(&request->kubectl, "kubectl", err))
		return false;
	while (request->argc > 0 && (is_kubectls(request->argv[0]) || is_option(request->argv[0], "--scope")))
		if (!take_option(request, err))
			return false;
	return true;
}

static void become_kubectl(const struct words *words)
{
	execvp("kubectl", (char *const *)words->list);
	fprintf(stderr, "Error: kubectl cannot be run: %s\n", strerror(errno));
	_exit(127);
}

static bool read_all(int fd, char *text, size_t size, struct err *err)
{
	size_t used = 0;
	for (;;) {
		ssize_t n = read(fd, text + used, size - 1 - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, "kubectl");
		used += (size_t)n;
		text[used] = '\0';
		if (n == 0)
			return true;
		if (used == size - 1)
			return err_set(err, ERR_OTHER, "kubectl lists more pods than %zu bytes", size);
	}
}

/* What it prints; what it complains of goes to the terminal. */
static bool run_kubectl(const struct words *words, char *text, size_t size, struct err *err)
{
	int ends[2], status;
	if (pipe(ends) != 0)
		return err_errno(err, "pipe");
	pid_t pid = fork();
	if (pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		become_kubectl(words);
	}
	close(ends[1]);
	bool done = pid > 0 ? read_all(ends[0], text, size, err) : err_errno(err, "fork");
	close(ends[0]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_errno(err, "kubectl");
	if (done && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
		return err_set(err, ERR_OTHER, "the pods cannot be listed");
	return done;
}

/* The first whose sidecar answers. All must be of one cluster, or it would be chance which one is meant. */
static bool choose(char *pods, const char **pod, struct err *err)
{
	const char *cluster = NULL;
	char *line_end = NULL;
	for (char *line = strtok_r(pods, "\n", &line_end); line != NULL; line = strtok_r(NULL, "\n", &line_end)) {
		char *end = NULL;
		const char *name = strtok_r(line, " ", &end), *of = strtok_r(NULL, " ", &end);
		const char *ready = strtok_r(NULL, " ", &end);
		if (name == NULL || of == NULL)
			continue;
		if (cluster != NULL && strcmp(of, cluster) != 0)
			return err_set(err, ERR_INPUT, "there are several clusters, %s and %s: say which by --scope",
				       cluster, of);
		cluster = of;
		if (*pod == NULL && ready != NULL && strcmp(ready, "true") == 0)
			*pod = name;
	}
	if (cluster == NULL)
		return err_set(err, ERR_MISSING,
			       "no pod with the label " SELECTOR " runs there: is the namespace right (-n)?");
	return *pod != NULL ||
	       err_set(err, ERR_MISSING, "no sidecar of %s is ready: see kubectl describe pods", cluster);
}

static bool find_pod(const struct request *request, char *pods, const char **pod, struct err *err)
{
	static const char *const get[] = {
		"get", "pods", "--field-selector=status.phase=Running", "-o", COLUMNS, "-l"
	};
	char selector[SELECTOR_SIZE];
	struct words words = request->kubectl;
	struct strbuf b;
	strbuf_init(&b, selector, sizeof(selector));
	strbuf_add(&b, SELECTOR);
	if (request->scope != NULL)
		strbuf_addf(&b, ",cluster-name=%s", request->scope);
	if (!strbuf_ok(&b))
		return err_set(err, ERR_INPUT, "--scope: %s is longer than any cluster's name", request->scope);
	for (size_t i = 0; i < ARRAY_SIZE(get); i++)
		if (!add(&words, get[i], err))
			return false;
	return add(&words, selector, err) && run_kubectl(&words, pods, PODS_SIZE, err) && choose(pods, pod, err);
}

static bool run_there(const struct request *request, const char *pod, struct err *err)
{
	bool terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	const char *const exec[] = { "exec", terminal ? "-it" : "-i", pod, "-c", "howdah", "--", "howdahctl" };
	struct words words = request->kubectl;
	for (size_t i = 0; i < ARRAY_SIZE(exec); i++)
		if (!add(&words, exec[i], err))
			return false;
	for (int i = 0; i < request->argc; i++)
		if (!add(&words, request->argv[i], err))
			return false;
	become_kubectl(&words);
	return false;
}

/* With a configuration of one's own the store and the members are asked from here. */
bool plugin_is_wanted(const char *program, int argc, const char *const argv[])
{
	const char *named = getenv("PATRONICTL_CONFIG_FILE");
	if (strcmp(program, "kubectl-howdah") != 0 || !text_is_empty(named) || argc < 2)
		return false;
	static const char *const here[] = { "-c", "--config-file", "-h", "--help", "--reference" };
	for (size_t i = 0; i < ARRAY_SIZE(here); i++)
		if (is_option(argv[1], here[i]))
			return false;
	return true;
}

bool plugin_run(int argc, const char *const argv[], struct err *err)
{
	static char pods[PODS_SIZE];
	struct request request = { .argc = argc - 1, .argv = argv + 1 };
	const char *pod = NULL;
	if (!parse(&request, err))
		return false;
	if (request.argc == 0)
		return err_set(err, ERR_INPUT, "which command? See kubectl howdah --help");
	return find_pod(&request, pods, &pod, err) && run_there(&request, pod, err);
}
