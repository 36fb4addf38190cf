/* The supervisor's STATUS as facts of this member. */
#include "postgres/private.h"

#include "base/log.h"

#include <string.h>

static_assert((int)PG_TREE_DOWN == (int)TREE_DOWN + 1 && (int)PG_TREE_FENCING == (int)TREE_FENCING + 1, "same order");

static const char *const tree_texts[] = {
	[PG_TREE_UNKNOWN] = "unknown",   [PG_TREE_DOWN] = "down",           [PG_TREE_STARTING] = "starting",
	[PG_TREE_STANDBY] = "standby",   [PG_TREE_PROMOTING] = "promoting", [PG_TREE_PRIMARY] = "primary",
	[PG_TREE_STOPPING] = "stopping", [PG_TREE_FENCING] = "fencing",
};

static bool is_up(enum pg_tree tree)
{
	return tree == PG_TREE_STARTING || tree == PG_TREE_STANDBY || tree == PG_TREE_PROMOTING ||
	       tree == PG_TREE_PRIMARY;
}

/* By itself: neither told to stop nor killed at a deadline; a new supervisor means that its container died. */
static bool has_crashed(const struct postgres *pg, const struct frame_status *status, enum pg_tree tree)
{
	bool ended = tree == PG_TREE_DOWN || tree == PG_TREE_FENCING;
	bool other_container = pg->link.nonce != 0 && pg->link.nonce != status->nonce;
	bool by_itself = status->fence_reason == FENCE_NONE || status->fence_reason == FENCE_ORPHANS;
	return is_up(pg->last_tree) && ended && !pg->end_asked && !status->term_pending &&
	       (by_itself || other_container);
}

static void take_end(struct postgres *pg, const struct frame_status *status, enum pg_tree tree)
{
	struct instance *in = &pg->instance;
	if (has_crashed(pg, status, tree)) {
		in->crashed = true;
		log_warning("postgres: ended by itself, wait status %d", status->exit_status);
	}
	in->fenced = status->fenced != 0 && status->fence_reason != FENCE_ORPHANS;
	if (tree == PG_TREE_DOWN && pg->last_tree != PG_TREE_DOWN) {
		probe_down(pg);
		datadir_look(pg);
	}
}

static void take_values(struct instance *in, const struct frame_status *status, enum pg_tree tree)
{
	in->tree = tree;
	in->writable = status->writable != 0;
	in->unguarded = status->unguarded != 0;
	in->nothing_left = tree == PG_TREE_DOWN && status->left == 0;
	in->volume_locked = status->volume_locked != 0;
	in->volume_errno = status->volume_errno;
	in->term_pending = status->term_pending != 0;
	in->term_at = (struct instant){ status->term_at.boot_us, status->term_at.raw_us };
	in->deadline = (struct instant){ status->deadline.boot_us, status->deadline.raw_us };
	text_copy(in->token, sizeof(in->token), status->token);
	in->postmaster_count = status->postmaster_count;
	in->postmaster_at = (struct instant){ status->postmaster_at.boot_us, status->postmaster_at.raw_us };
}

void status_take(struct postgres *pg, const struct frame_status *status)
{
	struct instance *in = &pg->instance;
	bool locked_now = status->volume_locked != 0 && !in->volume_locked;
	enum pg_tree tree = status->tree < TREE_STATE_COUNT ? (enum pg_tree)(status->tree + 1) : PG_TREE_UNKNOWN;
	enum pg_tree before = pg->last_tree;
	bool was_writable = in->writable;
	take_values(in, status, tree);
	if (tree == PG_TREE_STOPPING && was_writable && !in->writable)
		datadir_look(pg); /* where the shutdown's record is */
	if (locked_now) {
		datadir_look(pg);
		armed_read(pg);
		upstream_read(pg, &pg->upstream);
		remover_resume(pg);
	}
	if (tree != before) {
		log_info("postgres: %s, was %s", tree_texts[tree], tree_texts[before]);
		take_end(pg, status, tree);
		pg->last_tree = tree;
		if (is_up(tree))
			probe_now(pg);
	}
	if (in->volume_locked)
		return;
	in->data = DATA_UNKNOWN;
	rights_look(pg);
}

/* What was known of processes may change unseen now: nothing that could serve as a proof stays. */
void status_lost(struct postgres *pg)
{
	struct instance *in = &pg->instance;
	in->attached = false;
	in->nothing_left = false;
	in->tree = PG_TREE_UNKNOWN;
	in->volume_locked = false;
}
