/* One thread, one loop: all that the rest of the program sees of it. Behind it libuv; in the simulator a virtual one.
 *
 * No callback runs before the call that set it up returns. Handles may be destroyed inside their own callback. Out of
 * memory aborts. */
#ifndef HOWDAH_IO_LOOP_H
#define HOWDAH_IO_LOOP_H

#include "base/err.h"
#include "base/time.h"

struct loop;
struct loop_timer;
struct loop_io;

enum { LOOP_READ = 1, LOOP_WRITE = 2 };
typedef void loop_fn(void *arg);
typedef void loop_io_fn(void *arg, int ready); /* LOOP_READ | LOOP_WRITE; an error shows as both */

struct loop *loop_create(struct err *err); /* fails when the web server's event plug-in for libuv is missing */
void loop_run(struct loop *loop);          /* until loop_stop */
void loop_stop(struct loop *loop);
void loop_destroy(struct loop *loop); /* takes NULL; every handle must be destroyed before */

/* The clocks. Simulated ones are the member's own. */
struct instant loop_now(struct loop *loop);
struct wall loop_wall(struct loop *loop);
uint32_t loop_random(struct loop *loop); /* for jitter, not for secrets */

struct loop_timer *loop_timer_create(struct loop *loop, loop_fn *fn, void *arg);
void loop_timer_set(struct loop_timer *timer, int64_t delay_ms); /* one shot, replaces an earlier setting; < 0: off */
bool loop_timer_is_set(const struct loop_timer *timer);
void loop_timer_destroy(struct loop_timer *timer); /* takes NULL */

struct loop_io *loop_io_create(struct loop *loop, int fd, loop_io_fn *fn, void *arg); /* does not own fd */
void loop_io_want(struct loop_io *io, int events);
void loop_io_destroy(struct loop_io *io); /* takes NULL; before fd is closed */

void loop_on_signal(struct loop *loop, int signo, loop_fn *fn, void *arg); /* at most 8, for the loop's life */

/* How late the loop ran since the last call, at the most, in microseconds: a starved process shows here. */
int64_t loop_take_stall_us(struct loop *loop);

#endif
