/* The supervisor's decisions, without a system call: the table of states and events, and what a deadline allows. Shared
 * with the simulator. */
#include "supervisor/machine.h"

enum { SECOND_US = 1000000, LEAST_AHEAD_US = 1 * SECOND_US, MOST_AHEAD_US = 600 * SECOND_US };

/* clang-format off */
#define TO(state, action) { TREE_##state, DO_##action }
#define STAY(state)       { TREE_##state, DO_NOTHING }
#define REFUSE(state)     { TREE_##state, DO_REFUSE }
#define FENCE             { TREE_FENCING, DO_KILL_ALL }
#define STOP              { TREE_STOPPING, DO_SIGNAL_STOP }
#define DOWN              { TREE_DOWN, DO_REPORT_DOWN }
/* clang-format on */

/* In the order of enum tree_state: DOWN, STARTING, STANDBY, PROMOTING, PRIMARY, STOPPING, FENCING. Nothing but
 * NOTHING_LEFT leads out of FENCING. */
static const struct machine_step table[][TREE_STATE_COUNT] = {
	[EVENT_START_STANDBY] = { TO(STARTING, SPAWN), REFUSE(STARTING), REFUSE(STANDBY), REFUSE(PROMOTING),
				  REFUSE(PRIMARY), REFUSE(STOPPING), REFUSE(FENCING) },
	[EVENT_START_PRIMARY] = { TO(PROMOTING, SPAWN), REFUSE(STARTING), REFUSE(STANDBY), REFUSE(PROMOTING),
				  REFUSE(PRIMARY), REFUSE(STOPPING), REFUSE(FENCING) },
	[EVENT_PROMOTE] = { REFUSE(DOWN), REFUSE(STARTING), TO(PROMOTING, PROMOTE), REFUSE(PROMOTING), REFUSE(PRIMARY),
			    REFUSE(STOPPING), REFUSE(FENCING) },
	[EVENT_STOP] = { STAY(DOWN), STOP, STOP, STOP, STOP, STOP, REFUSE(FENCING) },
	[EVENT_RELOAD] = { REFUSE(DOWN), TO(STARTING, RELOAD), TO(STANDBY, RELOAD), TO(PROMOTING, RELOAD),
			   TO(PRIMARY, RELOAD), REFUSE(STOPPING), REFUSE(FENCING) },
	[EVENT_FENCE] = { FENCE, FENCE, FENCE, FENCE, FENCE, FENCE, STAY(FENCING) },
	[EVENT_DEADLINE_PASSED] = { FENCE, FENCE, FENCE, FENCE, FENCE, FENCE, STAY(FENCING) },
	[EVENT_READY] = { STAY(DOWN), STAY(STANDBY), STAY(STANDBY), STAY(PRIMARY), STAY(PRIMARY), STAY(STOPPING),
			  STAY(FENCING) },
	/* told to stop, the end of the postmaster is no fence, but what it left is killed all the same */
	[EVENT_POSTMASTER_DIED] = { STAY(DOWN), FENCE, FENCE, FENCE, FENCE, TO(STOPPING, KILL_ALL), STAY(FENCING) },
	[EVENT_NOTHING_LEFT] = { STAY(DOWN), DOWN, DOWN, DOWN, DOWN, DOWN, DOWN },
	[EVENT_UNASKED_PRIMARY] = { STAY(DOWN), FENCE, FENCE, FENCE, FENCE, FENCE, STAY(FENCING) },
	[EVENT_START_FAILED] = { STAY(DOWN), DOWN, STAY(STANDBY), DOWN, STAY(PRIMARY), STAY(STOPPING), STAY(FENCING) },
	[EVENT_ESCALATE] = { STAY(DOWN), STAY(STARTING), STAY(STANDBY), STAY(PROMOTING), STAY(PRIMARY), FENCE,
			     STAY(FENCING) },
	[EVENT_TERM_DUE] = { STAY(DOWN), STOP, STOP, STOP, STOP, STOP, STAY(FENCING) },
};
static_assert(ARRAY_SIZE(table) == EVENT_COUNT, "a row for every event");

struct machine_step machine_step(enum tree_state state, bool writable, enum machine_event event)
{
	/* a trap ends process 1 and with it all of the container: the safe end of a mistake of ours */
	if ((unsigned)state >= TREE_STATE_COUNT || (unsigned)event >= EVENT_COUNT)
		__builtin_trap();
	/* a passed deadline matters while something may commit; what was asked for is watched by the deadline alone */
	bool counts = event == EVENT_DEADLINE_PASSED ? writable : event == EVENT_UNASKED_PRIMARY ? !writable : true;
	return counts ? table[event][state] : (struct machine_step){ state, DO_NOTHING };
}

static bool is_set(const struct frame_instant *at)
{
	return at->boot_us != 0 || at->raw_us != 0;
}

static int64_t left_us(int64_t at, int64_t now)
{
	int64_t left;
	if (__builtin_sub_overflow(at, now, &left))
		return at < now ? INT64_MIN : INT64_MAX;
	return left;
}

static bool is_at_least_ahead(const struct frame_instant *at, const struct frame_instant *now, int64_t us)
{
	return left_us(at->boot_us, now->boot_us) >= us && left_us(at->raw_us, now->raw_us) >= us;
}

bool machine_deadline_passed(const struct frame_instant *deadline, const struct frame_instant *now)
{
	return !is_set(deadline) || !is_at_least_ahead(deadline, now, 1);
}

enum reply_code machine_may_be_writable(const struct frame_instant *deadline, const struct frame_instant *now,
					bool answered)
{
	if (!answered)
		return REPLY_NOT_ANSWERED;
	if (!is_set(deadline) || !is_at_least_ahead(deadline, now, LEAST_AHEAD_US))
		return REPLY_NO_DEADLINE;
	return REPLY_OK;
}

enum reply_code machine_accept_deadline(const struct machine_deadline *present, const struct machine_deadline *asked,
					const struct frame_instant *now, bool writable)
{
	if (asked->generation < present->generation)
		return REPLY_BAD_DEADLINE;
	if (asked->generation == present->generation && asked->number <= present->number)
		return REPLY_BAD_DEADLINE;
	if (!is_set(&asked->at))
		return writable ? REPLY_BUSY : REPLY_OK;
	/* each clock by itself: a far value on one of them would switch that one off */
	if (left_us(asked->at.boot_us, now->boot_us) > MOST_AHEAD_US ||
	    left_us(asked->at.raw_us, now->raw_us) > MOST_AHEAD_US)
		return REPLY_BAD_DEADLINE;
	return REPLY_OK;
}
