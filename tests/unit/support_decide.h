/* One turn as a value, decided anew after each change to it. */
#ifndef HOWDAH_TESTS_UNIT_SUPPORT_DECIDE_H
#define HOWDAH_TESTS_UNIT_SUPPORT_DECIDE_H

#include "support_turns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct record *turn;

static int make(void **state UNUSED)
{
	turn = calloc(1, sizeof(*turn));
	return turn == NULL;
}

static int unmake(void **state UNUSED)
{
	free(turn);
	return 0;
}

static inline bool plans(enum action action)
{
	for (int i = 0; i < turn->plan.count; i++)
		if (turn->plan.actions[i] == action)
			return true;
	return false;
}

/* The row of a table that matched; "": it was not asked. */
static inline const char *rule_of(int table)
{
	int row = turn->plan.verdicts[table].rule;
	return row < 0 ? "" : tables[table]->rules[row].id;
}

#endif
