#include "core/history.h"

uint64_t history_left_at(const struct history *history, uint32_t timeline, uint32_t theirs)
{
	if (theirs == timeline)
		return UINT64_MAX;
	for (int i = 0; i < history->count; i++)
		if (history->entries[i].timeline == theirs)
			return history->entries[i].end_lsn;
	return 0;
}
