/* A recorded turn replays: what is read back is what was there, and decides as it did. */
#include "../../src/codec/record_private.h"
#include "codec/ring.h"
#include "codec/units.h"
#include "io/file.h"
#include "support_turns.h"

#include <dirent.h>
#include <libgen.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct record *written, *read_back;
static char text[RING_TEXT_MAX];

static int make_records(void **state)
{
	(void)state;
	written = calloc(1, sizeof(*written));
	read_back = calloc(1, sizeof(*read_back));
	return written == NULL || read_back == NULL;
}

static int free_records(void **state)
{
	(void)state;
	free(written);
	free(read_back);
	return 0;
}

/* Fills every field that the tables name, each with another value. */
struct filler {
	unsigned seed;
	int list_len; /* 0: as long as there is room */
};

static void fill_shape(struct filler *f, const struct shape *shape, char *at);

static void fill_text(struct filler *f, char *at, size_t size)
{
	for (size_t i = 0; i + 1 < size; i++)
		at[i] = (char)('a' + (f->seed + i) % 26);
	at[size - 1] = '\0';
}

static void fill_list(struct filler *f, const struct field *field, char *owner)
{
	int len = f->list_len > 0 && f->list_len < field->max ? f->list_len : field->max;
	for (int i = 0; i < len; i++)
		fill_shape(f, field->of, owner + field->offset + (size_t)i * field->size);
	if (field->count_offset != FIELD_NO_COUNT)
		memcpy(owner + field->count_offset, &len, sizeof(len));
}

static void fill_field(struct filler *f, const struct field *field, char *owner)
{
	void *at = owner + field->offset;
	unsigned n = ++f->seed;
	int64_t big = n * 1000000007LL * (n % 2 == 0 ? -1 : 1);
	unsigned word = n % (unsigned)(field->max > 0 ? field->max : 1);
	switch (field->kind) {
	case FIELD_TEXT:
		fill_text(f, at, field->size);
		break;
	case FIELD_BOOL:
		*(bool *)at = true;
		break;
	case FIELD_INT:
		*(int *)at = (int)(big % 2000000000);
		break;
	case FIELD_U32:
		*(uint32_t *)at = UINT32_MAX - n;
		break;
	case FIELD_I64:
		*(int64_t *)at = n % 3 == 0 ? INT64_MIN + n : big;
		break;
	case FIELD_U64:
	case FIELD_LSN:
		*(uint64_t *)at = UINT64_MAX - n;
		break;
	case FIELD_INSTANT:
		*(struct instant *)at = (struct instant){ big, n };
		break;
	case FIELD_WALL:
		*(struct wall *)at = (struct wall){ 1795147927512000 + n };
		break;
	case FIELD_WORD:
		memcpy(at, &word, sizeof(word));
		break;
	case FIELD_STRUCT:
		fill_shape(f, field->of, at);
		break;
	case FIELD_LIST:
		fill_list(f, field, owner);
		break;
	}
}

static void fill_shape(struct filler *f, const struct shape *shape, char *at)
{
	for (int i = 0; i < shape->count; i++)
		fill_field(f, &shape->fields[i], at);
}

static void print_written(struct strbuf *b)
{
	struct situation s = record_situation(written);
	strbuf_init(b, text, sizeof(text));
	assert_true(record_print(&s, &written->plan, written->stamp, b));
}

static void print_and_parse(void)
{
	struct strbuf b;
	struct err err;
	print_written(&b);
	if (!record_parse(text, b.len, read_back, &err))
		fail_msg("%s", err.text);
}

static void assert_same_plan(const struct plan *a, const struct plan *b)
{
	assert_int_equal(a->count, b->count);
	for (int i = 0; i < a->count; i++)
		assert_int_equal(a->actions[i], b->actions[i]);
	for (int i = 0; i < TABLE_COUNT; i++) {
		assert_int_equal(a->verdicts[i].rule, b->verdicts[i].rule);
		if (a->verdicts[i].rule >= 0)
			assert_int_equal(a->verdicts[i].facts, b->verdicts[i].facts);
	}
	assert_string_equal(a->upstream, b->upstream);
	assert_int_equal(a->wake_ms, b->wake_ms);
}

static void assert_same_inputs(void)
{
	assert_memory_equal(&written->cluster, &read_back->cluster, sizeof(written->cluster));
	assert_memory_equal(&written->self, &read_back->self, sizeof(written->self));
	assert_memory_equal(&written->instance, &read_back->instance, sizeof(written->instance));
	assert_memory_equal(&written->settings, &read_back->settings, sizeof(written->settings));
	assert_memory_equal(&written->now, &read_back->now, sizeof(written->now));
	assert_int_equal(written->stamp.turn, read_back->stamp.turn);
	assert_int_equal(written->stamp.at.us, read_back->stamp.at.us);
}

static void fill_written(unsigned seed, int list_len)
{
	struct filler f = { seed, list_len };
	memset(written, 0, sizeof(*written));
	for (int i = 0; i < RECORD_PARTS; i++)
		fill_shape(&f, record_parts[i].shape, (char *)written + record_parts[i].offset);
	written->now = (struct instant){ 77, -5 };
	written->stamp = (struct record_stamp){ UINT64_MAX, { 1 } };
	for (int i = 0; i < TABLE_COUNT; i++)
		written->plan.verdicts[i] = (struct verdict){ 3, (int8_t)(i == TABLE_RACE ? -1 : i) };
	for (int i = 0; i < PLAN_ACTIONS_MAX; i++)
		written->plan.actions[written->plan.count++] = (enum action)(i + 1);
}

static void what_is_read_back_is_what_was_there(void **state)
{
	(void)state;
	static const int list_lens[] = { 1, 3, 17, 0 };
	for (size_t i = 0; i < ARRAY_SIZE(list_lens); i++)
		for (unsigned seed = 0; seed < 12; seed++) {
			fill_written(seed, list_lens[i]);
			print_and_parse();
			assert_same_inputs();
			assert_same_plan(&written->plan, &read_back->plan);
		}
}

static void only_what_differs_from_zero_is_written(void **state)
{
	(void)state;
	struct strbuf b;
	memset(written, 0, sizeof(*written));
	for (int i = 0; i < TABLE_COUNT; i++)
		written->plan.verdicts[i].rule = -1;
	written->self.sends.sends[2].ttl_ms = 5;
	print_written(&b);
	assert_string_equal(text,
			    "{\"turn\":0,\"at\":\"1970-01-01T00:00:00+00:00\",\"now\":[0,0],"
			    "\"self\":{\"sends\":{\"sends\":[{},{},{\"ttl_ms\":5}]}},\"actions\":[],\"rules\":{}}");
	print_and_parse();
	assert_same_inputs();
}

static void texts_that_are_no_utf8_do_not_spoil_a_record(void **state)
{
	(void)state;
	memset(written, 0, sizeof(*written));
	text_copy(written->instance.failure, REASON_SIZE, "pg_basebackup: \"gr\xc3\xb6\xc3\"\n\t\\\xff");
	print_and_parse();
	assert_string_equal(read_back->instance.failure, "pg_basebackup: \"gr\xc3\xb6?\"\n\t\\?");
}

#if defined(__has_builtin)
#if __has_builtin(__builtin_clear_padding)
#define CAN_SEE_PADDING
#endif
#endif

#ifdef CAN_SEE_PADDING
static void cover(const struct shape *shape, char *at)
{
	for (int i = 0; i < shape->count; i++) {
		const struct field *f = &shape->fields[i];
		for (int n = 0; f->kind == FIELD_LIST && n < f->max; n++)
			cover(f->of, at + f->offset + (size_t)n * f->size);
		if (f->kind == FIELD_LIST && f->count_offset != FIELD_NO_COUNT)
			memset(at + f->count_offset, 0, sizeof(int));
		if (f->kind == FIELD_STRUCT)
			cover(f->of, at + f->offset);
		else if (f->kind != FIELD_LIST)
			memset(at + f->offset, 0, f->size);
	}
}

static void assert_all_zero(const char *what, const void *at, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (((const char *)at)[i] != 0)
			fail_msg("byte %zu of struct %s is in no field", i, what);
}

/* All ones, without the padding, without what the tables name: nothing may be left. In a union, because gcc 12 loses
 * its place behind an array of structs elsewhere. */
#define ASSERT_COVERED(type, part)                                                                                     \
	do {                                                                                                           \
		static union {                                                                                         \
			struct type value;                                                                             \
		} u;                                                                                                   \
		memset(&u, 0xff, sizeof(u));                                                                           \
		__builtin_clear_padding(&u);                                                                           \
		cover((part)->shape, (char *)&u.value);                                                                \
		assert_string_equal((part)->name, #type);                                                              \
		assert_all_zero(#type, &u.value, sizeof(u.value));                                                     \
	} while (false)

static void every_member_of_the_inputs_is_in_a_table(void **state)
{
	(void)state;
	ASSERT_COVERED(cluster, &record_parts[0]);
	ASSERT_COVERED(self, &record_parts[1]);
	ASSERT_COVERED(instance, &record_parts[2]);
	ASSERT_COVERED(settings, &record_parts[3]);
}
#else
static void every_member_of_the_inputs_is_in_a_table(void **state)
{
	(void)state;
	skip();
}
#endif

static void names_are_unique_in_their_struct(const struct shape *shape)
{
	for (int i = 0; i < shape->count; i++) {
		for (int k = 0; k < i; k++)
			assert_string_not_equal(shape->fields[i].name, shape->fields[k].name);
		for (int w = 0; shape->fields[i].kind == FIELD_WORD && w < shape->fields[i].max; w++)
			assert_non_null(shape->fields[i].words[w]);
		if (shape->fields[i].of != NULL)
			names_are_unique_in_their_struct(shape->fields[i].of);
	}
}

static void every_field_and_word_has_a_name(void **state)
{
	(void)state;
	for (int i = 0; i < RECORD_PARTS; i++)
		names_are_unique_in_their_struct(record_parts[i].shape);
}

static void what_another_version_wrote_is_refused_with_its_name(void **state)
{
	(void)state;
#define HEAD "{\"turn\":1,\"at\":\"2026-11-20T04:12:07+00:00\",\"now\":[1,1],"
	static const struct {
		const char *document, *error;
	} cases[] = {
		{ HEAD "\"self\":{\"shoe_size\":43}}", "self: shoe_size: is not known" },
		{ HEAD "\"cluster\":{\"members\":[{\"state\":\"asleep\"}]}}",
		  "cluster: members: state: is not a word that is known" },
		{ HEAD "\"instance\":{\"timeline\":-1}}", "instance: timeline: is not a number in range" },
		{ HEAD "\"instance\":{\"attached\":1}}", "instance: attached: is not true or false" },
		{ HEAD "\"instance\":{\"write_lsn\":7}}", "instance: write_lsn: is not a position" },
		{ HEAD "\"actions\":[\"dance\"]}", "actions: is not a list of actions that are known" },
		{ HEAD "\"rules\":{\"lock\":{\"rule\":\"dance\",\"facts\":1}}}", "rules: lock: the rule is not known" },
		{ HEAD "\"rules\":{\"lock\":{\"rule\":\"race\",\"facts\":-1}}}", "rules: lock: facts are not known" },
		{ "{\"turn\":1,\"now\":[1,1]}", "at: is not a time" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err err;
		assert_false(record_parse(cases[i].document, strlen(cases[i].document), read_back, &err));
		assert_string_equal(err.text, cases[i].error);
	}
}

static void a_text_that_does_not_fit_is_refused(void **state)
{
	(void)state;
	struct err err;
	struct strbuf b;
	strbuf_init(&b, text, sizeof(text));
	strbuf_addf(&b, HEAD "\"self\":{\"name\":\"%064d\"}}", 1);
	assert_false(record_parse(text, b.len, read_back, &err));
	assert_string_equal(err.text, "self: name: is not a text that fits");
}

static const char *rule_id(const struct plan *plan, int table)
{
	int row = plan->verdicts[table].rule;
	return row < 0 ? NULL : tables[table]->rules[row].id;
}

static void assert_rules(const struct plan *plan, const struct turn_story *story)
{
	for (int t = 0; t < TABLE_COUNT; t++) {
		const char *id = rule_id(plan, t);
		if ((id == NULL) != (story->rules[t] == NULL) || (id != NULL && strcmp(id, story->rules[t]) != 0))
			fail_msg("%s: table %s: %s, not %s", story->name, tables[t]->name, id, story->rules[t]);
	}
}

/* Copies of structs may differ in their padding: what they print says all that counts. */
static void assert_prints_the_same(void)
{
	static char first[sizeof(text)];
	struct strbuf b;
	memcpy(first, text, sizeof(first));
	struct situation s = record_situation(read_back);
	strbuf_init(&b, text, sizeof(text));
	assert_true(record_print(&s, &read_back->plan, read_back->stamp, &b));
	assert_string_equal(first, text);
}

static void a_turn_decides_the_same_when_read_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(turn_stories); i++) {
		turn_stories[i].make(written);
		print_and_parse();
		assert_rules(&written->plan, &turn_stories[i]);
		assert_prints_the_same();
		struct situation s = record_situation(read_back);
		struct plan again = decide(&s);
		assert_same_plan(&again, &written->plan);
		assert_same_plan(&again, &read_back->plan);
	}
}

static void replay_file(const char *path)
{
	struct err err;
	size_t len;
	if (!file_read(path, text, sizeof(text), &len, &err) || !record_parse(text, len, read_back, &err))
		fail_msg("%s: %s", path, err.text);
	struct situation s = record_situation(read_back);
	struct plan plan = decide(&s);
	assert_same_plan(&plan, &read_back->plan);
}

static const char *records_path(const char *name)
{
	static char path[512];
	char here[] = __FILE__;
	struct strbuf b;
	strbuf_init(&b, path, sizeof(path));
	strbuf_addf(&b, "%s/records%s%s", dirname(here), name[0] != '\0' ? "/" : "", name);
	return path;
}

static void every_recorded_turn_replays(void **state)
{
	(void)state;
	int count = 0;
	DIR *dir = opendir(records_path(""));
	assert_non_null(dir);
	for (struct dirent *e; (e = readdir(dir)) != NULL;) {
		size_t len = strlen(e->d_name);
		if (len < 5 || strcmp(e->d_name + len - 5, ".json") != 0)
			continue;
		replay_file(records_path(e->d_name));
		count++;
	}
	closedir(dir);
	assert_true(count >= (int)ARRAY_SIZE(turn_stories));
}

static void the_recorded_stories_decide_by_the_rules_they_tell_of(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(turn_stories); i++) {
		char name[64];
		struct strbuf b;
		strbuf_init(&b, name, sizeof(name));
		strbuf_addf(&b, "%s.json", turn_stories[i].name);
		replay_file(records_path(name));
		struct situation s = record_situation(read_back);
		struct plan plan = decide(&s);
		assert_rules(&plan, &turn_stories[i]);
	}
}

static void a_record_that_was_tampered_with_does_not_replay(void **state)
{
	(void)state;
	turn_nobody_holds_the_lock(written);
	written->self.peers[0].lsn = TURN_LSN + 1; /* after the decision */
	print_and_parse();
	struct situation s = record_situation(read_back);
	struct plan plan = decide(&s);
	assert_int_not_equal(plan.verdicts[TABLE_LOCK].rule, read_back->plan.verdicts[TABLE_LOCK].rule);
}

/* `test_record --write` makes the documents of records/ anew. */
static int write_stories(void)
{
	void *none = NULL;
	(void)make_records(&none);
	for (size_t i = 0; i < ARRAY_SIZE(turn_stories); i++) {
		char name[64];
		struct strbuf b;
		strbuf_init(&b, name, sizeof(name));
		strbuf_addf(&b, "%s.json", turn_stories[i].name);
		turn_stories[i].make(written);
		struct strbuf document;
		print_written(&document);
		FILE *file = fopen(records_path(name), "w");
		if (file == NULL)
			return 1;
		fprintf(file, "%s\n", text);
		fclose(file);
	}
	return free_records(&none);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_read_back_is_what_was_there),
		cmocka_unit_test(only_what_differs_from_zero_is_written),
		cmocka_unit_test(texts_that_are_no_utf8_do_not_spoil_a_record),
		cmocka_unit_test(every_member_of_the_inputs_is_in_a_table),
		cmocka_unit_test(every_field_and_word_has_a_name),
		cmocka_unit_test(what_another_version_wrote_is_refused_with_its_name),
		cmocka_unit_test(a_text_that_does_not_fit_is_refused),
		cmocka_unit_test(a_turn_decides_the_same_when_read_back),
		cmocka_unit_test(every_recorded_turn_replays),
		cmocka_unit_test(the_recorded_stories_decide_by_the_rules_they_tell_of),
		cmocka_unit_test(a_record_that_was_tampered_with_does_not_replay),
	};
	if (argc > 1 && strcmp(argv[1], "--write") == 0)
		return write_stories();
	return cmocka_run_group_tests(tests, make_records, free_records);
}
