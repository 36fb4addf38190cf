/* May this data directory stream from the leader? An equal timeline number proves nothing (safety.md rule 4). */
#include "base/mutant.h"
#include "base/strbuf.h"
#include "facts.h"

#include <string.h>

static uint32_t leader_timeline(const struct situation *s, const struct member *leader)
{
	return s->cluster->leader_timeline != 0 ? s->cluster->leader_timeline : leader->timeline;
}

/* Where the leader's history left the timeline we are on, against how far we got on it. */
static bool is_beyond(const struct situation *s, uint32_t leader_tl, uint32_t mine)
{
	uint64_t left = history_left_at(&s->cluster->history, leader_tl, mine);
	const struct instance *i = s->instance;
	bool shut_down = i->control == CONTROL_SHUT_DOWN || i->control == CONTROL_SHUT_DOWN_IN_RECOVERY;
	bool end_is_known = i->tree == PG_TREE_DOWN ? shut_down : i->answers && i->timeline_is_sure;
	if (left == 0)
		return true; /* it was never on a timeline that we surely have been on */
	return end_is_known && my_lsn(s) > left;
}

/* A directory that is marked with how a timeline began, as its primary or by streaming it: did it begin so in the leader's history too? */
static enum rejoin compare_beginnings(const struct situation *s, uint32_t leader_tl)
{
	char mine[96];
	lease_token_to_text(&s->instance->armed_token, mine, sizeof(mine));
	if (leader_tl < s->instance->armed_timeline)
		return REJOIN_WAIT; /* it is about to promote, or its news is old */
	const char *theirs = leader_tl == s->cluster->leader_timeline && leader_tl == s->instance->armed_timeline
				     ? s->cluster->leader_beginning
				     : s->self->beginning;
	if (theirs[0] != '\0')
		return strcmp(theirs, mine) == 0 ? REJOIN_FOLLOW : REJOIN_DIVERGED;
	if (leader_tl == s->instance->armed_timeline)
		return s->cluster->leader_timeline != 0 ? REJOIN_WAIT : REJOIN_DIVERGED;
	for (int i = 0; i < s->cluster->history.count; i++) {
		const struct history_entry *e = &s->cluster->history.entries[i];
		if (e->timeline + 1 == s->instance->armed_timeline && e->leader[0] != '\0')
			return strcmp(e->leader, s->instance->armed_token.leader) == 0 ? REJOIN_FOLLOW
										       : REJOIN_DIVERGED;
	}
	return REJOIN_FOLLOW; /* forgotten by the store: positions decide, PostgreSQL's own check with them */
}

/* A promotion that was marked and never happened left nothing on the disk. */
static bool is_armed(const struct situation *s)
{
	const struct instance *i = s->instance;
	return i->armed_timeline != 0 && (i->timeline >= i->armed_timeline || i->control_timeline >= i->armed_timeline);
}

/* Where the two left the same number at different places, they were never one. */
static bool switch_points_differ(const struct situation *s)
{
	const struct history *mine = &s->instance->history, *theirs = &s->cluster->history;
	for (int i = 0; i < mine->count; i++)
		for (int k = 0; k < theirs->count; k++)
			if (mine->entries[i].timeline == theirs->entries[k].timeline &&
			    mine->entries[i].end_lsn != theirs->entries[k].end_lsn)
				return true;
	return false;
}

/* pg_rewind goes by numbers: one that means two timelines leads it astray. */
static bool number_is_shared(const struct situation *s, uint32_t leader_tl)
{
	uint32_t mine = s->instance->armed_timeline;
	return mine == leader_tl || history_left_at(&s->cluster->history, leader_tl, mine) != 0;
}

static enum rejoin compare(const struct situation *s, uint32_t leader_tl)
{
	bool history_is_current = leader_tl != 0 && cluster_timeline(s->cluster) == leader_tl;
	if (is_armed(s)) {
		if (!history_is_current)
			return REJOIN_WAIT;
		enum rejoin began = compare_beginnings(s, leader_tl);
		if (began == REJOIN_DIVERGED)
			return number_is_shared(s, leader_tl) ? REJOIN_DIVERGED : REJOIN_REWIND;
		if (began != REJOIN_FOLLOW)
			return began;
	}
	uint32_t mine = s->instance->tree == PG_TREE_DOWN ? s->instance->control_timeline : s->instance->timeline;
	if (history_is_current && mine != 0 && mine <= leader_tl && is_beyond(s, leader_tl, mine))
		return switch_points_differ(s) ? REJOIN_DIVERGED : REJOIN_REWIND;
	if (history_is_current && mine <= leader_tl && switch_points_differ(s))
		return REJOIN_DIVERGED;
	return REJOIN_FOLLOW;
}

void rejoin_lacks(const struct situation *s, char *text)
{
	struct strbuf b;
	uint32_t last = s->cluster->leader_timeline;
	strbuf_init(&b, text, LACKS_SIZE);
	if (last != 0 && has_data(s) && !lock_is_mine(s) && is_diverged(compare(s, last)))
		strbuf_addf(&b, "%u %s", last, s->cluster->leader_beginning);
}

/* The last leader's volume may be lost: once every member has said that it has nothing of that timeline, what is left is the cluster's history. */
static bool nobody_has(const struct situation *s, uint32_t timeline)
{
	char ours[LACKS_SIZE];
	rejoin_lacks(s, ours);
	if (!all_answered(s, s->settings->ttl_ms))
		return false;
	for (int i = 0; i < s->self->peer_count; i++) {
		const struct peer_answer *peer = &s->self->peers[i];
		bool unknown = peer->timeline == 0 && peer->role != ROLE_UNINITIALIZED;
		bool lacks = ours[0] != '\0' && strcmp(peer->lacks, ours) == 0;
		if (cluster_member(s->cluster, peer->name) != NULL && !lacks && (unknown || peer->timeline >= timeline))
			return false;
	}
	return true;
}

/* Without a leader it is compared with what the last one left in the store; what cannot be told then is for the race to settle. */
enum rejoin rejoin_decide(const struct situation *s)
{
	bool promotes = s->instance->tree == PG_TREE_STANDBY && s->instance->job == PG_JOB_NONE;
	if (mutant(18) || !has_data(s) || (lock_is_mine(s) && !promotes))
		return REJOIN_FOLLOW;
	const struct member *leader = leader_to_follow(s);
	if (leader != NULL && leader->is_howdah && s->cluster->leader_timeline == 0 && is_armed(s))
		return REJOIN_WAIT; /* it says so in the lock as soon as it has promoted */
	if (leader != NULL)
		return compare(s, leader_timeline(s, leader));
	uint32_t last = s->cluster->leader_timeline != 0 ? s->cluster->leader_timeline : cluster_timeline(s->cluster);
	enum rejoin rejoin = compare(s, last);
	return is_diverged(rejoin) && !nobody_has(s, last) && !is_named(s) ? rejoin : REJOIN_FOLLOW;
}

bool is_diverged(enum rejoin rejoin)
{
	return rejoin == REJOIN_REWIND || rejoin == REJOIN_DIVERGED;
}
