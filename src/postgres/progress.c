/* How far a clone is and how fast it goes. */
#include "postgres/private.h"

#include <stdlib.h>
#include <string.h>

enum { WINDOW_MS = 5000, SPACING_MS = 700 };

/* "  23456/7890123 kB (0%), 0/1 tablespace" */
static bool parse(const char *text, int64_t *done, int64_t *total)
{
	char *end;
	while (*text == ' ')
		text++;
	*done = strtoll(text, &end, 10);
	if (end == text || *end != '/')
		return false;
	text = end + 1;
	*total = strtoll(text, &end, 10);
	if (end == text || strncmp(end, " kB", 3) != 0)
		return false;
	*done *= 1024;
	*total *= 1024;
	return true;
}

static void drop_oldest(struct progress *p)
{
	p->count--;
	memmove(&p->samples[0], &p->samples[1], sizeof(p->samples[0]) * (size_t)p->count);
}

/* The newest one moves on until it is far enough from the one before it. */
static void add_sample(struct progress *p, struct instant now, int64_t bytes)
{
	bool moves = p->count >= 2 && elapsed_most_ms(p->samples[p->count - 2].at, now) < SPACING_MS;
	if (!moves && p->count == PROGRESS_SAMPLES)
		drop_oldest(p);
	if (!moves)
		p->count++;
	p->samples[p->count - 1].at = now;
	p->samples[p->count - 1].bytes = bytes;
	while (p->count > 2 && elapsed_least_ms(p->samples[1].at, now) >= WINDOW_MS)
		drop_oldest(p);
}

static int64_t rate(const struct progress *p)
{
	if (p->count < 2)
		return -1;
	int64_t ms = elapsed_least_ms(p->samples[0].at, p->samples[p->count - 1].at);
	return ms <= 0 ? -1 : (p->samples[p->count - 1].bytes - p->samples[0].bytes) * 1000 / ms;
}

void progress_take(struct postgres *pg, const char *line)
{
	struct progress *p = &pg->progress;
	struct instance *in = &pg->instance;
	int64_t done, total;
	if (!parse(line, &done, &total))
		return;
	if (in->clone_done_bytes < 0 || done < in->clone_done_bytes)
		p->count = 0; /* another clone */
	in->clone_done_bytes = done;
	in->clone_total_bytes = total;
	add_sample(p, loop_now(pg->loop), done);
	in->clone_rate = rate(p);
}

void progress_turn(struct postgres *pg)
{
	const struct progress *p = &pg->progress;
	struct instance *in = &pg->instance;
	if (pg->job.kind != PG_JOB_CLONE)
		in->clone_rate = -1;
	else if (in->clone_rate > 0 && elapsed_least_ms(p->samples[p->count - 1].at, loop_now(pg->loop)) >= WINDOW_MS)
		in->clone_rate = 0;
}
