/* ttl, loop_wait and retry_timeout: each within its bounds, and together within what the lease allows (safety.md, settings).
 *
 * Between a renewal and the deadline that follows from it there must be room for a whole turn, for the retries of the next renewal, and for a stop. */
#include "config_private.h"

enum {
	S = 1000,
	TTL_LEAST = 10,
	TTL_LEAST_QUICK = 8,
	TTL_LEAST_LABORATORY = 5,
	TTL_MOST = 86400,
	LOOP_LEAST = 1,
	RETRY_LEAST = 3
};

/* What a ttl leaves for loop_wait and retry_timeout together. */
struct room {
	int64_t ttl_ms, most_ms;
};

static struct room room_of(const struct settings *settings, bool laboratory)
{
	int64_t ttl_ms = settings->ttl_ms;
	return (struct room){ .ttl_ms = ttl_ms,
			      .most_ms = ttl_ms - lease_margin_ms(ttl_ms) - (laboratory ? 1 : 2) * S };
}

static void say(const struct sink *sink, const char *key, const char *problem, int64_t used_ms)
{
	char used[32];
	struct strbuf b;
	strbuf_init(&b, used, sizeof(used));
	strbuf_addf(&b, "%.10g", (double)used_ms / S);
	sink->add(sink->arg, key, problem, used);
}

static void raise_to(int64_t *value_ms, int64_t least_ms, const char *key, const char *allowed, const struct sink *sink)
{
	char problem[PROBLEM_SIZE];
	struct strbuf b;
	if (*value_ms >= least_ms)
		return;
	strbuf_init(&b, problem, sizeof(problem));
	strbuf_addf(&b, "%.10g is too small: at least %s", (double)*value_ms / S, allowed);
	*value_ms = least_ms;
	say(sink, key, problem, least_ms);
}

static void lower_to(int64_t *value_ms, int64_t most_ms, const char *key, struct room room, const struct sink *sink)
{
	char problem[PROBLEM_SIZE];
	struct strbuf b;
	strbuf_init(&b, problem, sizeof(problem));
	strbuf_addf(&b, "%.10g is too large: with ttl %.10g loop_wait and retry_timeout may be %.10g together",
		    (double)*value_ms / S, (double)room.ttl_ms / S, (double)room.most_ms / S);
	*value_ms = most_ms;
	say(sink, key, problem, most_ms);
}

static int64_t whole(int64_t ms)
{
	return ms / S * S;
}

static void raise_ttl(struct settings *settings, bool laboratory, const struct sink *sink)
{
	bool quick = settings->loop_wait_ms <= LOOP_LEAST * S && settings->retry_timeout_ms <= RETRY_LEAST * S;
	if (laboratory)
		raise_to(&settings->ttl_ms, TTL_LEAST_LABORATORY * S, "ttl", "5", sink);
	else
		raise_to(&settings->ttl_ms, (quick ? TTL_LEAST_QUICK : TTL_LEAST) * S, "ttl",
			 "10 (8 with loop_wait 1 and retry_timeout 3)", sink);
}

/* Turns may come more often without harm, so loop_wait gives way first. */
static void make_room(struct settings *settings, bool laboratory, const struct sink *sink)
{
	struct room room = room_of(settings, laboratory);
	int64_t over = settings->loop_wait_ms + settings->retry_timeout_ms - room.most_ms;
	if (over > 0 && settings->loop_wait_ms > LOOP_LEAST * S) {
		int64_t most = whole(settings->loop_wait_ms - over);
		lower_to(&settings->loop_wait_ms, most > LOOP_LEAST * S ? most : LOOP_LEAST * S, "loop_wait", room,
			 sink);
	}
	over = settings->loop_wait_ms + settings->retry_timeout_ms - room.most_ms;
	if (over > 0) {
		int64_t most = settings->retry_timeout_ms - over;
		lower_to(&settings->retry_timeout_ms, laboratory ? most : whole(most), "retry_timeout", room, sink);
	}
}

void timeouts_fit(struct settings *settings, bool laboratory, const struct sink *sink)
{
	settings->ttl_ms = whole(settings->ttl_ms);
	settings->loop_wait_ms = whole(settings->loop_wait_ms);
	if (!laboratory)
		settings->retry_timeout_ms = whole(settings->retry_timeout_ms);
	raise_to(&settings->loop_wait_ms, LOOP_LEAST * S, "loop_wait", "1", sink);
	if (laboratory)
		raise_to(&settings->retry_timeout_ms, S, "retry_timeout", "1", sink);
	else
		raise_to(&settings->retry_timeout_ms, RETRY_LEAST * S, "retry_timeout", "3", sink);
	raise_ttl(settings, laboratory, sink);
	if (settings->ttl_ms > TTL_MOST * (int64_t)S) {
		settings->ttl_ms = TTL_MOST * (int64_t)S;
		say(sink, "ttl", "too large: at most 86400", settings->ttl_ms);
	}
	make_room(settings, laboratory, sink);
	assert(settings->loop_wait_ms + settings->retry_timeout_ms <= room_of(settings, laboratory).most_ms);
}
