/* What histories there are: a tree of stretches of WAL, each written by one server. PostgreSQL knows timeline numbers
 * only; the checker knows the stretches. */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

void wal_init(void)
{
	world->wal = calloc(1, sizeof(*world->wal));
	assert(world->wal);
	world->wal->backup.branch = -1;
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

/* Two clusters that are restored from it are one up to here, and PostgreSQL cannot tell that they are two behind it. */
struct position wal_backup(void)
{
	struct position *backup = &world->wal->backup;
	if (backup->branch < 0) {
		*backup = (struct position){ wal_branch_new(-1, 1, 1 << 24), 1 << 24 };
		wal_append(backup, 1 << 20);
	}
	return *backup;
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

enum { TIMELINES_MAX = 512 };

struct stretch { /* one timeline of a history */
	uint32_t timeline;
	uint64_t begin, end;
};

/* Oldest first. */
static int list_timelines(struct position of, struct stretch *list)
{
	int count = 0, first;
	uint64_t end = of.lsn;
	for (int id = of.branch; id >= 0 && count < TIMELINES_MAX; id = wal_branch(id)->parent) {
		const struct branch *b = wal_branch(id);
		if (count > 0 && list[count - 1].timeline == b->timeline) {
			list[count - 1].begin = b->begin;
		} else {
			list[count++] = (struct stretch){ b->timeline, b->begin, end };
		}
		end = b->begin;
	}
	for (first = 0; first < count / 2; first++) {
		struct stretch keep = list[first];
		list[first] = list[count - 1 - first];
		list[count - 1 - first] = keep;
	}
	return count;
}

/* By numbers and their beginnings, as pg_rewind compares two histories: a number that means two timelines leads it astray. */
bool wal_rewind(struct position *at, struct position source)
{
	static struct stretch mine[TIMELINES_MAX], theirs[TIMELINES_MAX];
	int a = list_timelines(*at, mine), b = list_timelines(source, theirs), common = 0;
	while (common < a && common < b && mine[common].timeline == theirs[common].timeline &&
	       (common == 0 || mine[common].begin == theirs[common].begin))
		common++;
	if (common == 0)
		return false;
	uint64_t fork = mine[common - 1].end < theirs[common - 1].end ? mine[common - 1].end : theirs[common - 1].end;
	while ((wal_branch(at->branch)->begin > fork ||
		wal_branch(at->branch)->timeline != mine[common - 1].timeline) &&
	       wal_branch(at->branch)->parent >= 0)
		at->branch = wal_branch(at->branch)->parent;
	at->lsn = fork;
	return true;
}
