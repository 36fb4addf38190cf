/* io/loop.h on virtual time: the clocks are the machine's, the timers the process's. */
#include "io/loop.h"

#include "sim.h"

#include <stdlib.h>

enum { WALL_ZERO_S = 1767225600 }; /* 2026-01-01 */

struct loop {
	struct process *process;
	bool stopped;
};

struct loop_timer {
	struct loop *loop;
	loop_fn *fn;
	void *arg;
	struct event *event;
	int64_t due_us; /* by the machine's BOOTTIME */
};

struct loop *sim_loop_create(struct process *process)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	assert(loop);
	loop->process = process;
	return loop;
}

struct process *sim_loop_process(const struct loop *loop)
{
	return loop->process;
}

bool sim_loop_stopped(const struct loop *loop)
{
	return loop->stopped;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}

void loop_destroy(struct loop *loop)
{
	free(loop);
}

struct instant loop_now(struct loop *loop)
{
	return machine_now(loop->process->pod->machine);
}

struct wall loop_wall(struct loop *loop)
{
	return (struct wall){ WALL_ZERO_S * SECOND_US + world->now + loop->process->pod->machine->wall_offset };
}

uint32_t loop_random(UNUSED struct loop *loop)
{
	return sim_random();
}

struct loop_timer *loop_timer_create(struct loop *loop, loop_fn *fn, void *arg)
{
	struct loop_timer *t = calloc(1, sizeof(*t));
	assert(t);
	*t = (struct loop_timer){ .loop = loop, .fn = fn, .arg = arg };
	return t;
}

static const struct sim_clock *clock_of(const struct loop_timer *t)
{
	return &t->loop->process->pod->machine->boot;
}

/* The clock may have been stopped or slowed since the timer was set. */
static void on_due(void *arg)
{
	struct loop_timer *t = arg;
	int64_t left = clock_until(clock_of(t), t->due_us);
	t->event = left > 0 ? sim_after(left, t->loop->process, on_due, t) : NULL;
	if (left == 0)
		t->fn(t->arg);
}

void loop_timer_set(struct loop_timer *t, int64_t delay_ms)
{
	sim_cancel(&t->event);
	if (delay_ms < 0 || t->loop->process->dead)
		return;
	t->due_us = clock_read(clock_of(t)) + delay_ms * MS_US;
	t->event = sim_after(clock_until(clock_of(t), t->due_us), t->loop->process, on_due, t);
}

bool loop_timer_is_set(const struct loop_timer *t)
{
	return t->event != NULL;
}

void loop_timer_destroy(struct loop_timer *t)
{
	if (t)
		sim_cancel(&t->event);
	free(t);
}

int64_t loop_take_stall_us(UNUSED struct loop *loop)
{
	return 0;
}

void loop_on_signal(UNUSED struct loop *loop, UNUSED int signo, UNUSED loop_fn *fn, UNUSED void *arg)
{
}
