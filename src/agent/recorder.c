/* The flight recorder: turns that say something new go into a bounded file in the run directory, which outlives the
 * agent and can be read at any time (codec/ring.h). What cannot be written is left out: nothing waits for it. */
#include "private.h"

#include "base/log.h"
#include "base/strbuf.h"
#include "codec/record.h"
#include "codec/ring.h"
#include "core/rollout.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { REST_MS = 60000, REPEAT_MS = 1000, LOCK_IS_KEPT = 100 /* no row */ };

/* What makes a turn differ from another. */
struct essence {
	int count;
	enum action actions[PLAN_ACTIONS_MAX]; /* without those that every renewal brings */
	int rules[TABLE_COUNT];
	char upstream[NAME_SIZE];
};
static_assert(sizeof(struct essence) == sizeof(int) * (1 + PLAN_ACTIONS_MAX + TABLE_COUNT) + NAME_SIZE,
	      "no padding: it is compared bytewise");

struct recorder {
	int fd;
	bool failing; /* the last write failed and that was said */
	size_t end;
	uint64_t sequence, turn;
	struct instant recorded;
	struct essence last;
	char frame[RING_HEAD_SIZE + RING_TEXT_MAX + 8];
};

/* A roll-out that waits asks the others every other second. */
static bool is_routine(const struct plan *plan, enum action action)
{
	if (action == ACT_ASK_PEERS)
		return rollout_is_passing(plan->verdicts[TABLE_ROLLOUT].rule);
	return action == ACT_RENEW || action == ACT_PUBLISH || action == ACT_SET_DEADLINE ||
	       action == ACT_LOOK_AT_ROLLOUT;
}

/* The lock's rows alternate with every renewal; that is no news. */
static int lock_rule(const struct plan *plan, int before)
{
	int row = plan->verdicts[TABLE_LOCK].rule;
	const char *id = row >= 0 ? tables[TABLE_LOCK]->rules[row].id : "";
	bool routine = text_equal(id, "renew") || text_equal(id, "keep");
	if (text_equal(id, "writing"))
		return before;
	return routine ? LOCK_IS_KEPT : row;
}

static struct essence essence_of(const struct plan *plan, const struct essence *before)
{
	struct essence e;
	memset(&e, 0, sizeof(e));
	for (int i = 0; i < plan->count; i++)
		if (!is_routine(plan, plan->actions[i]))
			e.actions[e.count++] = plan->actions[i];
	for (int i = 0; i < TABLE_COUNT; i++)
		e.rules[i] = plan->verdicts[i].rule;
	e.rules[TABLE_LOCK] = lock_rule(plan, before->rules[TABLE_LOCK]);
	if (rollout_is_passing(e.rules[TABLE_ROLLOUT]))
		e.rules[TABLE_ROLLOUT] = before->rules[TABLE_ROLLOUT];
	text_copy(e.upstream, sizeof(e.upstream), plan->upstream);
	return e;
}

/* What stands in the way of the same plan turn after turn is told once a second, not every 50 ms. */
static bool is_news(const struct recorder *r, const struct essence *e, struct instant now)
{
	if (!instant_is_set(r->recorded) || memcmp(e, &r->last, sizeof(*e)) != 0)
		return true;
	return elapsed_most_ms(r->recorded, now) >= (e->count > 0 ? REPEAT_MS : REST_MS);
}

/* Goes on behind the last record of an earlier agent. */
static void take_up(struct recorder *r, const char *bytes, size_t size)
{
	struct err err;
	struct ring_entry entry;
	int64_t turn;
	if (ring_find(bytes, size, &entry, 1) == 0)
		return;
	r->end = entry.end;
	r->sequence = entry.sequence;
	AUTO(json) struct json *root = json_parse(entry.text, entry.len, &err);
	if (json_i64(json_get(root, "turn"), &turn) && turn > 0)
		r->turn = (uint64_t)turn;
}

static bool read_ring(struct recorder *r, const char *path, struct err *err)
{
	AUTO(text) char *bytes = malloc(RING_SIZE);
	if (bytes == NULL)
		abort();
	r->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (r->fd < 0)
		return err_errno(err, "%s", path);
	ssize_t size = pread(r->fd, bytes, RING_SIZE, 0);
	if (size < 0)
		return err_errno(err, "%s", path);
	take_up(r, bytes, (size_t)size);
	return true;
}

struct recorder *recorder_open(const char *run_dir, struct err *err)
{
	char path[URL_SIZE + sizeof("/" RING_FILE)];
	struct strbuf b;
	struct recorder *r = calloc(1, sizeof(*r));
	if (r == NULL)
		abort();
	strbuf_init(&b, path, sizeof(path));
	strbuf_addf(&b, "%s/%s", run_dir, RING_FILE);
	if (read_ring(r, path, err))
		return r;
	recorder_close(r);
	return NULL;
}

void recorder_close(struct recorder *r)
{
	if (r == NULL)
		return;
	auto_fd(&r->fd);
	free(r);
}

/* A place is taken only by a frame that is there whole; the next one tries the same place. */
static void write_frame(struct recorder *r, size_t len)
{
	size_t size = ring_frame(r->frame, len, r->sequence + 1);
	size_t at = ring_place(r->end, size);
	bool written = pwrite(r->fd, r->frame, size, (off_t)at) == (ssize_t)size;
	if (!written && !r->failing)
		log_warning("turns cannot be recorded: %m");
	r->failing = !written;
	if (!written)
		return;
	r->end = at + size;
	r->sequence++;
}

void recorder_turn(struct recorder *r, const struct situation *s, const struct plan *plan, struct wall wall)
{
	if (r == NULL)
		return;
	r->turn++;
	struct essence e = essence_of(plan, &r->last);
	if (!is_news(r, &e, s->now))
		return;
	struct strbuf text;
	strbuf_init(&text, r->frame + RING_HEAD_SIZE, RING_TEXT_MAX);
	if (record_print(s, plan, (struct record_stamp){ r->turn, wall }, &text))
		write_frame(r, text.len);
	r->last = e;
	r->recorded = s->now;
}
