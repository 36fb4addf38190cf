/* Timeline histories: PostgreSQL's files and the `history` annotation. */
#include "codec/status.h"
#include "codec/units.h"

#include <string.h>

/* Makes room at the front when it is full: old timelines matter least. Timelines must rise. */
static struct history_entry *history_add(struct history *history, uint32_t timeline)
{
	if (history->count > 0 && history->entries[history->count - 1].timeline >= timeline)
		return NULL;
	if (history->count == HISTORY_MAX) {
		memmove(history->entries, history->entries + 1, (HISTORY_MAX - 1) * sizeof(history->entries[0]));
		history->count--;
	}
	struct history_entry *entry = &history->entries[history->count++];
	*entry = (struct history_entry){ .timeline = timeline };
	return entry;
}

/* Reasons are for people: one that is too long is cut, between characters. */
static void copy_reason(struct history_entry *entry, const char *from, size_t len)
{
	if (len >= sizeof(entry->reason)) {
		len = sizeof(entry->reason) - 1;
		while (len > 0 && ((unsigned char)from[len] & 0xc0) == 0x80)
			len--;
	}
	memcpy(entry->reason, from, len);
	entry->reason[len] = '\0';
}

/* The word at *at, which moves behind it and the blanks that follow. */
static bool take_word(const char **at, const char *end, char *word, size_t size)
{
	struct strbuf b;
	strbuf_init(&b, word, size);
	for (; *at < end && **at != ' ' && **at != '\t'; (*at)++)
		strbuf_add_char(&b, **at);
	while (*at < end && (**at == ' ' || **at == '\t'))
		(*at)++;
	return strbuf_ok(&b) && b.len > 0;
}

/* TIMELINE LSN REASON, separated by blanks; nothing is no line. */
static bool read_line(struct history *history, const char *at, const char *end)
{
	char word[24];
	uint64_t timeline, lsn;
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	while (at < end && (end[-1] == '\r' || end[-1] == ' ' || end[-1] == '\t'))
		end--;
	if (at == end || *at == '#')
		return true;
	if (!take_word(&at, end, word, sizeof(word)) || !text_to_u64(word, &timeline) || timeline == 0 ||
	    timeline > UINT32_MAX)
		return false;
	if (!take_word(&at, end, word, sizeof(word)) || !lsn_from_text(word, &lsn) || lsn > INT64_MAX)
		return false;
	struct history_entry *entry = history_add(history, (uint32_t)timeline);
	if (entry == NULL)
		return false;
	entry->end_lsn = lsn;
	copy_reason(entry, at, (size_t)(end - at));
	return true;
}

bool history_parse_file(struct history *history, const char *text, struct err *err)
{
	history->count = 0;
	for (int line = 1; *text != '\0'; line++) {
		const char *end = strchrnul(text, '\n');
		if (!read_line(history, text, end))
			return err_set(err, ERR_INPUT,
				       "line %d of the timeline history is not \"TIMELINE LSN REASON\" with rising "
				       "timelines: \"%.*s\"",
				       line, (int)(end - text < 80 ? end - text : 80), text);
		text = *end == '\0' ? end : end + 1;
	}
	return true;
}

static bool copy_text(char *to, size_t size, const struct json *item)
{
	const char *text = item == NULL || json_is_null(item) ? "" : json_text(item);
	return text != NULL && text_copy(to, size, text);
}

static bool read_entry(struct history *history, const struct json *item)
{
	int64_t timeline, lsn;
	if (!json_is_array(item) || json_count(item) < 3 || json_count(item) > 5)
		return false;
	const struct json *part = json_first(item);
	if (!json_i64(part, &timeline) || timeline < 1 || timeline > UINT32_MAX)
		return false;
	part = json_next(part);
	if (!json_i64(part, &lsn) || lsn < 0)
		return false;
	struct history_entry *entry = history_add(history, (uint32_t)timeline);
	part = json_next(part);
	if (entry == NULL || !json_is_text(part))
		return false;
	entry->end_lsn = (uint64_t)lsn;
	copy_reason(entry, json_text(part), strlen(json_text(part)));
	part = json_next(part);
	if (!copy_text(entry->when, sizeof(entry->when), part))
		return false;
	return copy_text(entry->leader, sizeof(entry->leader), part == NULL ? NULL : json_next(part));
}

bool history_parse_json(struct history *history, const char *text, struct err *err)
{
	history->count = 0;
	AUTO(json) struct json *root = json_parse(text, strlen(text), err);
	if (root == NULL)
		return err_wrap(err, "history");
	if (!json_is_array(root))
		return err_set(err, ERR_INPUT, "history: it is not a list");
	int number = 1;
	for (const struct json *item = json_first(root); item != NULL; item = json_next(item), number++)
		if (!read_entry(history, item)) {
			history->count = 0;
			return err_set(
				err, ERR_INPUT,
				"history: entry %d is not [timeline, LSN, reason, time, leader] with rising timelines",
				number);
		}
	return true;
}

void history_print_json(const struct history *history, int max_entries, struct strbuf *to)
{
	int first = max_entries > 0 && history->count > max_entries ? history->count - max_entries : 0;
	AUTO(json) struct json *root = json_new_array();
	for (int i = first; i < history->count; i++) {
		const struct history_entry *entry = &history->entries[i];
		struct json *item = json_new_array();
		json_push(item, json_new_i64(entry->timeline));
		json_push(item, json_new_i64((int64_t)entry->end_lsn));
		json_push(item, json_new_text(entry->reason));
		if (entry->when[0] != '\0' || entry->leader[0] != '\0')
			json_push(item, json_new_text(entry->when));
		if (entry->leader[0] != '\0')
			json_push(item, json_new_text(entry->leader));
		json_push(root, item);
	}
	json_print(root, JSON_COMPACT, to);
}
