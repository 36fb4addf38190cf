/* The longest common subsequence by dynamic programming, after common beginnings and ends are taken off: configurations are short. */
#include "diff.h"

#include <stdlib.h>
#include <string.h>

enum { CONTEXT = 3, CELLS_MAX = 16 * 1024 * 1024 };

struct line {
	const char *text;
	size_t len;
};

struct text {
	int count;
	struct line *lines;
};

struct edit {      /* a line of the comparison */
	char kind; /* ' ', '-', '+' */
	struct line line;
};

struct diff {
	struct text a, b;
	int head;          /* lines that both begin with */
	int rows, columns; /* what is left between beginning and end */
	uint32_t *common;  /* (rows + 1) x (columns + 1): the longest common subsequence of what follows */
	int edit_count;
	struct edit *edits;
};

static void *allocate(size_t count, size_t size)
{
	void *memory = calloc(count + 1, size);
	if (memory == NULL)
		abort();
	return memory;
}

static struct text split(const char *text)
{
	struct text split = { .count = 0 };
	for (const char *c = text; *c != '\0'; c++)
		split.count += *c == '\n' || c[1] == '\0';
	split.lines = allocate((size_t)split.count, sizeof(struct line));
	for (int i = 0; i < split.count; i++) {
		split.lines[i] = (struct line){ text, strcspn(text, "\n") };
		text += split.lines[i].len + 1;
	}
	return split;
}

static bool same(const struct diff *diff, int a, int b)
{
	struct line x = diff->a.lines[a], y = diff->b.lines[b];
	return x.len == y.len && memcmp(x.text, y.text, x.len) == 0;
}

static uint32_t *common_at(const struct diff *diff, int row, int column)
{
	return &diff->common[(size_t)row * (size_t)(diff->columns + 1) + (size_t)column];
}

static void take_ends_off(struct diff *diff)
{
	int a = diff->a.count, b = diff->b.count;
	while (diff->head < a && diff->head < b && same(diff, diff->head, diff->head))
		diff->head++;
	while (a > diff->head && b > diff->head && same(diff, a - 1, b - 1)) {
		a--;
		b--;
	}
	diff->rows = a - diff->head;
	diff->columns = b - diff->head;
}

/* Beyond the limit nothing counts as common: all of the middle is shown as replaced. */
static void find_common(struct diff *diff)
{
	if ((int64_t)(diff->rows + 1) * (diff->columns + 1) > CELLS_MAX)
		return;
	diff->common = allocate((size_t)(diff->rows + 1) * (size_t)(diff->columns + 1), sizeof(uint32_t));
	for (int row = diff->rows - 1; row >= 0; row--)
		for (int column = diff->columns - 1; column >= 0; column--) {
			uint32_t down = *common_at(diff, row + 1, column), right = *common_at(diff, row, column + 1);
			uint32_t best = down > right ? down : right;
			if (same(diff, diff->head + row, diff->head + column))
				best = *common_at(diff, row + 1, column + 1) + 1;
			*common_at(diff, row, column) = best;
		}
}

static void add_edit(struct diff *diff, char kind, struct line line)
{
	diff->edits[diff->edit_count++] = (struct edit){ kind, line };
}

/* Removed before added, as people read it. */
static void walk_middle(struct diff *diff)
{
	int row = 0, column = 0;
	while (row < diff->rows || column < diff->columns) {
		bool both = row < diff->rows && column < diff->columns;
		int a = diff->head + row, b = diff->head + column;
		if (both && diff->common != NULL && same(diff, a, b)) {
			add_edit(diff, ' ', diff->a.lines[a]);
			row++;
			column++;
		} else if (row < diff->rows &&
			   (!both || diff->common == NULL ||
			    *common_at(diff, row + 1, column) >= *common_at(diff, row, column + 1))) {
			add_edit(diff, '-', diff->a.lines[a]);
			row++;
		} else {
			add_edit(diff, '+', diff->b.lines[b]);
			column++;
		}
	}
}

static void make_edits(struct diff *diff)
{
	diff->edits = allocate((size_t)diff->a.count + (size_t)diff->b.count, sizeof(struct edit));
	for (int i = 0; i < diff->head; i++)
		add_edit(diff, ' ', diff->a.lines[i]);
	walk_middle(diff);
	for (int i = diff->head + diff->rows; i < diff->a.count; i++)
		add_edit(diff, ' ', diff->a.lines[i]);
}

/* ---- hunks ---- */

/* "3,4"; one line goes without its number, none begins a line earlier. */
static void print_range(int begin, int count, struct strbuf *to)
{
	if (count == 1)
		strbuf_addf(to, "%d", begin + 1);
	else
		strbuf_addf(to, "%d,%d", count == 0 ? begin : begin + 1, count);
}

static void print_line(const char *colour, char kind, struct line line, struct strbuf *to)
{
	strbuf_add(to, colour);
	strbuf_add_char(to, kind);
	strbuf_add_bytes(to, line.text, line.len);
	strbuf_add(to, colour[0] != '\0' ? "\033[0m\n" : "\n");
}

static int count_kind(const struct diff *diff, int from, int until, char without)
{
	int count = 0;
	for (int i = from; i < until; i++)
		count += diff->edits[i].kind != without;
	return count;
}

static void print_hunk(const struct diff *diff, int from, int until, bool colour, struct strbuf *to)
{
	strbuf_add(to, "@@ -");
	print_range(count_kind(diff, 0, from, '+'), count_kind(diff, from, until, '+'), to);
	strbuf_add(to, " +");
	print_range(count_kind(diff, 0, from, '-'), count_kind(diff, from, until, '-'), to);
	strbuf_add(to, " @@\n");
	for (int i = from; i < until; i++) {
		char kind = diff->edits[i].kind;
		const char *with = !colour || kind == ' ' ? "" : kind == '-' ? "\033[31m" : "\033[32m";
		print_line(with, kind, diff->edits[i].line, to);
	}
}

/* The end of the hunk that begins at a change: changes with no more than twice the context between them belong together. */
static int hunk_end(const struct diff *diff, int change)
{
	int last = change;
	for (int i = change; i < diff->edit_count && i <= last + 2 * CONTEXT + 1; i++)
		if (diff->edits[i].kind != ' ')
			last = i;
	return last + CONTEXT + 1 < diff->edit_count ? last + CONTEXT + 1 : diff->edit_count;
}

static void print_hunks(const struct diff *diff, bool colour, struct strbuf *to)
{
	bool begun = false;
	for (int i = 0; i < diff->edit_count;) {
		if (diff->edits[i].kind == ' ') {
			i++;
			continue;
		}
		if (!begun)
			strbuf_add(to, "--- \n+++ \n");
		begun = true;
		int end = hunk_end(diff, i);
		print_hunk(diff, i > CONTEXT ? i - CONTEXT : 0, end, colour, to);
		i = end;
	}
}

void diff_print(const char *before, const char *after, bool colour, struct strbuf *to)
{
	struct diff diff = { .a = split(before), .b = split(after) };
	take_ends_off(&diff);
	find_common(&diff);
	make_edits(&diff);
	print_hunks(&diff, colour, to);
	free(diff.a.lines);
	free(diff.b.lines);
	free(diff.common);
	free(diff.edits);
}
