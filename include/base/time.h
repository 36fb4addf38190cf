/* Time as values. Nobody but io reads a clock; whoever calls says what time it is.
 *
 * An instant is read from two clocks of this machine: BOOTTIME (counts suspend, can be slewed) and MONOTONIC_RAW
 * (cannot be slewed, does not count suspend). Whoever holds the lock believes the clock that ran further, whoever waits
 * for it to expire believes the one that ran less (safety.md S12). Clocks of different machines are never compared. */
#ifndef HOWDAH_BASE_TIME_H
#define HOWDAH_BASE_TIME_H

#include "base/base.h"

struct instant {
	int64_t boot_us, raw_us; /* 0, 0: never */
};

/* Wall time, for what people and Patroni read; decides nothing. Microseconds since 1970 UTC. */
struct wall {
	int64_t us;
};

static inline bool instant_is_set(struct instant t)
{
	return t.boot_us != 0 || t.raw_us != 0;
}

static inline struct instant instant_after_ms(struct instant t, int64_t ms)
{
	return (struct instant){ t.boot_us + ms * 1000, t.raw_us + ms * 1000 };
}

/* For the holder: how much has passed at the most. */
static inline int64_t elapsed_most_ms(struct instant since, struct instant now)
{
	int64_t boot = now.boot_us - since.boot_us, raw = now.raw_us - since.raw_us;
	return (boot > raw ? boot : raw) / 1000;
}

/* For observers: how much has passed at the least. */
static inline int64_t elapsed_least_ms(struct instant since, struct instant now)
{
	int64_t boot = now.boot_us - since.boot_us, raw = now.raw_us - since.raw_us;
	return (boot < raw ? boot : raw) / 1000;
}

/* For deadlines of our own: what is left on the clock that is further along. */
static inline int64_t left_least_ms(struct instant deadline, struct instant now)
{
	return -elapsed_most_ms(deadline, now);
}

#endif
