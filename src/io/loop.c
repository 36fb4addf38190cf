/* io/loop.h on libuv. The web server joins it as a guest (http_server.c). */
#include "loop_private.h"

#include "base/log.h"

#include <dlfcn.h>
#include <lws_config.h>
#include <stdlib.h>
#include <time.h>
#include <uv.h>

enum { SIGNALS_MAX = 8, CLOSING_TURNS = 4 };

struct loop_signal {
	uv_signal_t handle;
	loop_fn *fn;
	void *arg;
};

struct loop {
	uv_loop_t uv;
	uv_prepare_t before_poll;
	uv_check_t after_poll;
	struct loop_signal signals[SIGNALS_MAX];
	int signal_count;
	void *guest;
	void (*guest_leave)(void *guest);
	bool in_timer;
	struct loop_timer *soon; /* timers without delay that timers have set, in their order */
	uint64_t round;          /* of running them */
	uv_idle_t no_wait;       /* on while there are some: the poll only looks */
	bool stop_wanted;
	uint64_t busy_since_ns; /* when the poll returned; 0: polling */
	int64_t stall_us;
	uint32_t random;
};

struct loop_timer {
	uv_timer_t handle;
	struct loop *loop;
	loop_fn *fn;
	void *arg;
	int64_t due_us;
	bool is_soon;
	uint64_t round; /* is_soon: in which it was set */
	struct loop_timer *next_soon;
};

struct loop_io {
	uv_poll_t handle;
	loop_io_fn *fn;
	void *arg;
	int wanted; /* as UV_READABLE | UV_WRITABLE */
};

static void *new_zeroed(size_t size)
{
	void *memory = calloc(1, size);
	if (memory == NULL)
		abort();
	return memory;
}

static void must(int uv_result)
{
	if (uv_result != 0) {
		log_write(LOG_CRITICAL, "event loop: %s", uv_strerror(uv_result));
		abort();
	}
}

static void note_stall(struct loop *loop, int64_t late_us)
{
	if (late_us > loop->stall_us)
		loop->stall_us = late_us;
}

static int64_t monotonic_us(void)
{
	return (int64_t)(uv_hrtime() / 1000);
}

/* From the end of a poll to the beginning of the next is our own work, and the time in which we were not let run. */
static void poll_begins(uv_prepare_t *handle)
{
	struct loop *loop = handle->data;
	if (loop->busy_since_ns != 0)
		note_stall(loop, (int64_t)(uv_hrtime() - loop->busy_since_ns) / 1000);
	loop->busy_since_ns = 0;
}

static void leave_soon(struct loop_timer *timer)
{
	struct loop_timer **at = &timer->loop->soon;
	if (!timer->is_soon)
		return;
	while (*at != timer)
		at = &(*at)->next_soon;
	*at = timer->next_soon;
	timer->is_soon = false;
}

static void stay_awake(UNUSED uv_idle_t *handle)
{
}

/* Timers that set each other to 0 would never let the loop see a socket again if they ran at once: they run after the next poll, which does not wait. */
static void join_soon(struct loop_timer *timer)
{
	struct loop *loop = timer->loop;
	struct loop_timer **at = &loop->soon;
	while (*at != NULL)
		at = &(*at)->next_soon;
	*at = timer;
	timer->next_soon = NULL;
	timer->is_soon = true;
	timer->round = loop->round;
	must(uv_idle_start(&loop->no_wait, stay_awake));
}

static void timer_fired(uv_timer_t *handle);

/* Those that were set before this poll. */
static void run_soon(struct loop *loop)
{
	uint64_t round = ++loop->round;
	while (loop->soon != NULL && loop->soon->round < round) {
		struct loop_timer *timer = loop->soon;
		leave_soon(timer);
		timer_fired(&timer->handle);
	}
	if (loop->soon == NULL)
		uv_idle_stop(&loop->no_wait);
}

static void poll_ends(uv_check_t *handle)
{
	struct loop *loop = handle->data;
	loop->busy_since_ns = uv_hrtime();
	run_soon(loop);
}

/* The plug-in is loaded at run time and is a package of its own: say so at the start, not when the first server is
 * made. It stays loaded, because handles of a destroyed context are still closed by its code. */
static bool check_plugin(struct err *err)
{
#ifdef LWS_WITH_EVLIB_PLUGINS
	const char *path = LWS_INSTALL_LIBDIR "/libwebsockets-evlib_uv.so";
	void *plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (plugin == NULL)
		return err_set(err, ERR_OTHER,
			       "libwebsockets has no libuv plug-in (package libwebsockets-evlib-uv): %s", dlerror());
	if (dlsym(plugin, "evlib_uv") == NULL)
		return err_set(err, ERR_OTHER, "%s is not the libuv plug-in of libwebsockets", path);
#else
	(void)err;
#endif
	return true;
}

struct loop *loop_create(struct err *err)
{
	if (!check_plugin(err))
		return NULL;
	struct loop *loop = new_zeroed(sizeof(*loop));
	must(uv_loop_init(&loop->uv));
	must(uv_prepare_init(&loop->uv, &loop->before_poll));
	must(uv_check_init(&loop->uv, &loop->after_poll));
	must(uv_idle_init(&loop->uv, &loop->no_wait));
	loop->before_poll.data = loop;
	loop->after_poll.data = loop;
	/* also keeps the loop alive while nothing else is in it */
	must(uv_prepare_start(&loop->before_poll, poll_begins));
	must(uv_check_start(&loop->after_poll, poll_ends));
	must(uv_random(NULL, NULL, &loop->random, sizeof(loop->random), 0, NULL));
	loop->random |= 1;
	return loop;
}

void loop_run(struct loop *loop)
{
	while (!loop->stop_wanted)
		uv_run(&loop->uv, UV_RUN_ONCE);
	loop->stop_wanted = false;
}

/* No poll has to be woken: callbacks and signals run between polls. */
void loop_stop(struct loop *loop)
{
	loop->stop_wanted = true;
}

struct uv_loop_s *loop_uv(struct loop *loop)
{
	return &loop->uv;
}

void *loop_guest(struct loop *loop)
{
	return loop->guest;
}

void loop_set_guest(struct loop *loop, void *guest, void (*leave)(void *guest))
{
	assert(loop->guest == NULL);
	loop->guest = guest;
	loop->guest_leave = leave;
}

void loop_turn(struct loop *loop)
{
	uv_run(&loop->uv, UV_RUN_NOWAIT);
}

void loop_destroy(struct loop *loop)
{
	if (loop == NULL)
		return;
	if (loop->guest != NULL)
		loop->guest_leave(loop->guest);
	uv_close((uv_handle_t *)&loop->before_poll, NULL);
	uv_close((uv_handle_t *)&loop->after_poll, NULL);
	uv_close((uv_handle_t *)&loop->no_wait, NULL);
	for (int i = 0; i < loop->signal_count; i++)
		uv_close((uv_handle_t *)&loop->signals[i].handle, NULL);
	for (int i = 0; i < CLOSING_TURNS; i++)
		loop_turn(loop);
	must(uv_loop_close(&loop->uv)); /* fails when a handle was left: our bug */
	free(loop);
}

static int64_t clock_us(clockid_t clock)
{
	struct timespec t;
	if (clock_gettime(clock, &t) != 0)
		abort();
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

struct instant loop_now(UNUSED struct loop *loop)
{
	return (struct instant){ .boot_us = clock_us(CLOCK_BOOTTIME), .raw_us = clock_us(CLOCK_MONOTONIC_RAW) };
}

struct wall loop_wall(UNUSED struct loop *loop)
{
	return (struct wall){ .us = clock_us(CLOCK_REALTIME) };
}

/* xorshift: enough to keep members from acting in step */
uint32_t loop_random(struct loop *loop)
{
	loop->random ^= loop->random << 13;
	loop->random ^= loop->random >> 17;
	loop->random ^= loop->random << 5;
	return loop->random;
}

static void free_handle(uv_handle_t *handle)
{
	free(handle);
}

static void timer_fired(uv_timer_t *handle)
{
	struct loop_timer *timer = (struct loop_timer *)handle;
	struct loop *loop = timer->loop; /* the timer may destroy itself */
	note_stall(loop, monotonic_us() - timer->due_us);
	loop->in_timer = true;
	timer->fn(timer->arg);
	loop->in_timer = false;
}

struct loop_timer *loop_timer_create(struct loop *loop, loop_fn *fn, void *arg)
{
	struct loop_timer *timer = new_zeroed(sizeof(*timer));
	must(uv_timer_init(&loop->uv, &timer->handle));
	timer->loop = loop;
	timer->fn = fn;
	timer->arg = arg;
	return timer;
}

void loop_timer_set(struct loop_timer *timer, int64_t delay_ms)
{
	uv_timer_stop(&timer->handle);
	leave_soon(timer);
	if (delay_ms < 0)
		return;
	uv_update_time(&timer->loop->uv);
	timer->due_us = monotonic_us() + delay_ms * 1000;
	if (delay_ms == 0 && timer->loop->in_timer)
		join_soon(timer);
	else
		must(uv_timer_start(&timer->handle, timer_fired, (uint64_t)delay_ms, 0));
}

bool loop_timer_is_set(const struct loop_timer *timer)
{
	return timer->is_soon || uv_is_active((const uv_handle_t *)&timer->handle) != 0;
}

void loop_timer_destroy(struct loop_timer *timer)
{
	if (timer == NULL)
		return;
	leave_soon(timer);
	uv_close((uv_handle_t *)&timer->handle, free_handle);
}

static void io_ready(uv_poll_t *handle, int status, int events)
{
	struct loop_io *io = (struct loop_io *)handle;
	int ready = 0;
	if (status < 0) {
		/* libuv has stopped the poll: go on, so that an error nobody read is seen again instead of waited for
		 */
		must(uv_poll_start(handle, io->wanted, io_ready));
		ready = LOOP_READ | LOOP_WRITE;
	}
	if (events & UV_READABLE)
		ready |= LOOP_READ;
	if (events & UV_WRITABLE)
		ready |= LOOP_WRITE;
	io->fn(io->arg, ready);
}

struct loop_io *loop_io_create(struct loop *loop, int fd, loop_io_fn *fn, void *arg)
{
	struct loop_io *io = new_zeroed(sizeof(*io));
	must(uv_poll_init(&loop->uv, &io->handle, fd));
	io->fn = fn;
	io->arg = arg;
	return io;
}

void loop_io_want(struct loop_io *io, int events)
{
	int wanted = (events & LOOP_READ ? UV_READABLE : 0) | (events & LOOP_WRITE ? UV_WRITABLE : 0);
	if (wanted == io->wanted)
		return;
	io->wanted = wanted;
	if (io->wanted == 0)
		uv_poll_stop(&io->handle);
	else
		must(uv_poll_start(&io->handle, io->wanted, io_ready));
}

void loop_io_destroy(struct loop_io *io)
{
	if (io == NULL)
		return;
	uv_close((uv_handle_t *)&io->handle, free_handle); /* the descriptor may be closed when this returns */
}

static void signal_fired(uv_signal_t *handle, UNUSED int signo)
{
	struct loop_signal *s = (struct loop_signal *)handle;
	s->fn(s->arg);
}

void loop_on_signal(struct loop *loop, int signo, loop_fn *fn, void *arg)
{
	assert(loop->signal_count < SIGNALS_MAX);
	struct loop_signal *s = &loop->signals[loop->signal_count++];
	s->fn = fn;
	s->arg = arg;
	must(uv_signal_init(&loop->uv, &s->handle));
	must(uv_signal_start(&s->handle, signal_fired, signo));
}

int64_t loop_take_stall_us(struct loop *loop)
{
	int64_t late = loop->stall_us;
	loop->stall_us = 0;
	return late;
}
