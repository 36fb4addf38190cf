/* The facts behind a decision: ages, positions, who did not answer. */
#include "explain.h"

#include "codec/units.h"

#include <string.h>

enum { LSN_TEXT = 24, HOUR_MS = 3600000, MINUTE_MS = 60000 };

void explain_span(int64_t ms, struct strbuf *to)
{
	if (ms < 1000)
		strbuf_addf(to, "%.2f s", (double)ms / 1000);
	else if (ms < 2 * MINUTE_MS)
		strbuf_addf(to, "%.1f s", (double)ms / 1000);
	else if (ms < 2 * HOUR_MS)
		strbuf_addf(to, "%lld min", (long long)(ms / MINUTE_MS));
	else
		strbuf_addf(to, "%lld h %lld min", (long long)(ms / HOUR_MS), (long long)(ms % HOUR_MS / MINUTE_MS));
}

static void add_age(struct instant since, struct instant now, struct strbuf *to)
{
	explain_span(elapsed_most_ms(since, now), to);
}

static void add_lsn(uint64_t lsn, struct strbuf *to)
{
	char text[LSN_TEXT];
	lsn_to_text(lsn, text, sizeof(text));
	strbuf_add(to, lsn == 0 ? "an unknown position" : text);
}

static void add_ttl(int64_t ttl_s, struct strbuf *to)
{
	strbuf_addf(to, " (ttl %lld s)", (long long)ttl_s);
}

static void explain_own_lock(const struct situation *s, struct strbuf *to)
{
	struct instant deadline = lease_deadline(&s->self->hold);
	if (!instant_is_set(deadline)) {
		strbuf_add(to, "kept over a restart of the agent, not renewed by it yet");
		return;
	}
	int64_t left = left_least_ms(deadline, s->now);
	strbuf_add(to, "last renewed ");
	add_age(s->self->hold.start, s->now, to);
	strbuf_add(to, left > 0 ? " ago, good for " : " ago, run out for ");
	explain_span(left > 0 ? left : -left, to);
}

void explain_lock(const struct situation *s, struct strbuf *to)
{
	const struct lease_sight *sight = &s->self->sight;
	if (lock_is_mine(s)) {
		explain_own_lock(s, to);
		return;
	}
	if (!sight->held && sight->record.leader[0] == '\0') {
		strbuf_add(to, "no holder was seen");
		return;
	}
	strbuf_add(to, sight->record.leader);
	if (!sight->held) {
		strbuf_add(to, " released it");
		return;
	}
	bool taken = lease_is_taken(sight, &s->self->hold.token, s->now);
	strbuf_add(to, taken ? "'s record changed " : "'s record had not changed for ");
	explain_span(elapsed_least_ms(sight->since, s->now), to);
	strbuf_add(to, taken ? " ago" : "");
	add_ttl(sight->record.ttl_s, to);
}

static const struct peer_answer *find_answer(const struct self *self, const char *name)
{
	for (int i = 0; i < self->peer_count; i++)
		if (strcmp(self->peers[i].name, name) == 0)
			return &self->peers[i];
	return NULL;
}

static void add_answer(const struct peer_answer *peer, struct instant now, struct strbuf *to)
{
	if (peer == NULL) {
		strbuf_add(to, " not asked yet");
		return;
	}
	if (peer->silent) {
		strbuf_add(to, instant_is_set(peer->answered) ? " no answer for " : " no answer");
		if (instant_is_set(peer->answered))
			add_age(peer->answered, now, to);
		return;
	}
	strbuf_add_char(to, ' ');
	add_lsn(peer->lsn, to);
	if (!peer->in_recovery)
		strbuf_add(to, " as a primary");
	if (peer->nofailover)
		strbuf_add(to, ", not allowed to lead");
	if (elapsed_most_ms(peer->answered, now) >= 1000) {
		strbuf_add(to, " when asked ");
		add_age(peer->answered, now, to);
		strbuf_add(to, " ago");
	}
}

void explain_positions(const struct situation *s, struct strbuf *to)
{
	const char *open = " (";
	strbuf_addf(to, "%s is at ", s->self->name);
	add_lsn(instance_lsn(s->instance), to);
	if (s->instance->timeline != 0)
		strbuf_addf(to, " on timeline %u", s->instance->timeline);
	for (int i = 0; i < s->cluster->member_count; i++) {
		const char *name = s->cluster->members[i].name;
		if (strcmp(name, s->self->name) == 0)
			continue;
		strbuf_addf(to, "%s%s", open, name);
		add_answer(find_answer(s->self, name), s->now, to);
		open = "; ";
	}
	strbuf_add(to, open[0] == ';' ? ")" : "");
}
