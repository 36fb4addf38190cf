/* What histories there are: a tree of stretches of WAL, each written by one server. PostgreSQL knows timeline numbers
 * only; the checker knows the stretches. */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

void wal_init(void)
{
	world->wal = calloc(1, sizeof(*world->wal));
	assert(world->wal);
}

void wal_finish(void)
{
	free(world->wal->branches);
	free(world->wal);
}

int wal_branch_new(int parent, uint32_t timeline, uint64_t begin)
{
	struct wal *w = world->wal;
	if (w->count == w->size) {
		w->size = w->size * 2 + 64;
		w->branches = realloc(w->branches, (size_t)w->size * sizeof(struct branch));
		assert(w->branches);
	}
	w->branches[w->count] =
		(struct branch){ .id = w->count, .parent = parent, .timeline = timeline, .begin = begin, .end = begin };
	return w->count++;
}

const struct branch *wal_branch(int id)
{
	assert(id >= 0 && id < world->wal->count);
	return &world->wal->branches[id];
}

void wal_append(struct position *at, uint64_t bytes)
{
	struct branch *b = &world->wal->branches[at->branch];
	at->lsn += bytes;
	if (at->lsn > b->end)
		b->end = at->lsn;
}

/* A parent is always older than its child, so the climb ends early. */
bool wal_is_prefix(struct position a, struct position b)
{
	uint64_t left = b.lsn;
	int id = b.branch;
	while (id > a.branch) {
		left = wal_branch(id)->begin < left ? wal_branch(id)->begin : left;
		id = wal_branch(id)->parent;
	}
	return id == a.branch && a.lsn <= left;
}

int wal_ancestor(int of, uint32_t timeline)
{
	while (of >= 0 && wal_branch(of)->timeline != timeline)
		of = wal_branch(of)->parent;
	return of;
}

uint64_t wal_left_at(int of, uint32_t timeline)
{
	uint64_t left = UINT64_MAX;
	for (; of >= 0; of = wal_branch(of)->parent) {
		const struct branch *b = wal_branch(of);
		if (b->timeline == timeline)
			return left;
		left = b->begin;
	}
	return 0;
}

/* As a history file: one line a timeline that was left. */
void wal_history(int of, struct history *history)
{
	static struct history_entry lines[HISTORY_MAX];
	int count = 0;
	for (; of >= 0 && wal_branch(of)->parent >= 0; of = wal_branch(of)->parent) {
		const struct branch *b = wal_branch(of), *parent = wal_branch(b->parent);
		if (b->timeline == parent->timeline || count == HISTORY_MAX)
			continue;
		lines[count++] = (struct history_entry){ .timeline = parent->timeline,
							 .end_lsn = b->begin,
							 .reason = "no recovery target specified" };
	}
	history->count = count;
	for (int i = 0; i < count; i++)
		history->entries[i] = lines[count - 1 - i];
}
