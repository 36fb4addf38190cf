/* Reading a flight recorder's file and showing the end of it. */
#include "explain.h"

#include "codec/ring.h"
#include "io/file.h"

#include <stdio.h>
#include <stdlib.h>

enum { PATH_SIZE = 512, WORDS_SIZE = 16384 };
#define RUN_DIR_DEFAULT "/run/howdah"

static void *allocate(size_t size)
{
	void *memory = calloc(1, size);
	if (memory == NULL)
		abort();
	return memory;
}

static bool default_path(char *path, size_t size, struct err *err)
{
	struct strbuf b;
	const char *dir = getenv("HOWDAH_RUN_DIR");
	strbuf_init(&b, path, size);
	strbuf_addf(&b, "%s/%s", text_is_empty(dir) ? RUN_DIR_DEFAULT : dir, RING_FILE);
	return strbuf_ok(&b) || err_set(err, ERR_INPUT, "HOWDAH_RUN_DIR is longer than %d bytes", PATH_SIZE - 8);
}

static void show_documents(const struct ring_entry *entries, int count)
{
	fputs("[", stdout);
	for (int i = 0; i < count; i++)
		printf("%s%.*s", i > 0 ? ",\n " : "", (int)entries[i].len, entries[i].text);
	fputs("]\n", stdout);
}

/* Returns whether this version could read it. */
static bool show_in_words(const struct ring_entry *entry, struct record *record, bool first)
{
	struct err err;
	struct strbuf b;
	char words[WORDS_SIZE];
	if (!record_parse(entry->text, entry->len, record, &err))
		return false;
	strbuf_init(&b, words, sizeof(words));
	explain_print(record, &b);
	printf("%s%s", first ? "" : "\n", words);
	return true;
}

static void show_all_in_words(const struct ring_entry *entries, int count)
{
	struct record *record = allocate(sizeof(*record));
	int shown = 0;
	for (int i = 0; i < count; i++)
		shown += show_in_words(&entries[i], record, shown == 0);
	if (shown < count)
		fprintf(stderr, "%d of %d decisions were recorded by another version of howdah: --json shows them\n",
			count - shown, count);
	free(record);
}

static bool show(const struct explain_params *params, const char *path, const char *bytes, size_t size, struct err *err)
{
	int max = params->count > 0 ? params->count : EXPLAIN_COUNT_DEFAULT;
	if (max > EXPLAIN_COUNT_MAX)
		max = EXPLAIN_COUNT_MAX;
	struct ring_entry *entries = allocate((size_t)max * sizeof(*entries));
	int count = ring_find(bytes, size, entries, max);
	if (count > 0 && params->json)
		show_documents(entries, count);
	else if (count > 0)
		show_all_in_words(entries, count);
	free(entries);
	return count > 0 || err_set(err, ERR_OTHER, "%s: no decision is recorded in it", path);
}

bool explain_run(const struct explain_params *params, struct err *err)
{
	char path[PATH_SIZE];
	size_t size;
	if (!default_path(path, sizeof(path), err))
		return false;
	const char *file = params->file != NULL ? params->file : path;
	AUTO(text) char *bytes = allocate(RING_SIZE + 1);
	if (!file_read(file, bytes, RING_SIZE + 1, &size, err)) {
		if (err->kind == ERR_MISSING)
			return err_set(err, ERR_MISSING,
				       "%s does not exist: run it in the howdah container of a pod, or name a copy "
				       "of that file with --file",
				       file);
		return false;
	}
	return show(params, file, bytes, size, err) && (fflush(stdout) == 0 || err_errno(err, "standard output"));
}
