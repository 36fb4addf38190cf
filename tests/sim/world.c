/* Virtual time, chance, processes and clocks. */
#include "sim.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { STANDSTILL_EVENTS = 20000 };

struct world *world;

/* ---- the queue: a binary heap by time, then by order of arrival ---- */

static bool is_earlier(const struct event *a, const struct event *b)
{
	return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

static void put(struct event *e, int place)
{
	world->heap[place] = e;
	e->place = place;
}

static void sift_up(struct event *e, int place)
{
	while (place > 0 && is_earlier(e, world->heap[(place - 1) / 2])) {
		put(world->heap[(place - 1) / 2], place);
		place = (place - 1) / 2;
	}
	put(e, place);
}

static void sift_down(struct event *e, int place)
{
	for (int child; (child = place * 2 + 1) < world->heap_count; place = child) {
		if (child + 1 < world->heap_count && is_earlier(world->heap[child + 1], world->heap[child]))
			child++;
		if (!is_earlier(world->heap[child], e))
			break;
		put(world->heap[child], place);
	}
	put(e, place);
}

static void enqueue(struct event *e)
{
	if (world->heap_count == world->heap_size) {
		world->heap_size = world->heap_size * 2 + 256;
		world->heap = realloc(world->heap, (size_t)world->heap_size * sizeof(struct event *));
		assert(world->heap);
	}
	e->seq = world->seq++;
	sift_up(e, world->heap_count++);
}

static void dequeue(struct event *e)
{
	int place = e->place;
	struct event *last = world->heap[--world->heap_count];
	if (last == e)
		return;
	if (is_earlier(last, e))
		sift_up(last, place);
	else
		sift_down(last, place);
}

static void event_free(struct event *e)
{
	e->next = world->free_events;
	world->free_events = e;
}

struct event *sim_at(int64_t at, struct process *process, sim_fn *fn, void *arg)
{
	struct event *e = world->free_events;
	if (e)
		world->free_events = e->next;
	else
		e = malloc(sizeof(*e));
	assert(e);
	*e = (struct event){ .at = at < world->now ? world->now : at, .process = process, .fn = fn, .arg = arg };
	enqueue(e);
	return e;
}

struct event *sim_after(int64_t delay_us, struct process *process, sim_fn *fn, void *arg)
{
	return sim_at(world->now + (delay_us < 0 ? 0 : delay_us), process, fn, arg);
}

static void unhold(struct process *p, struct event *e)
{
	struct event **at = &p->held;
	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	if (p->held_end == &e->next)
		p->held_end = at;
}

void sim_cancel(struct event **event)
{
	struct event *e = *event;
	if (!e)
		return;
	*event = NULL;
	if (e->place >= 0)
		dequeue(e);
	else
		unhold(e->process, e);
	event_free(e);
}

/* ---- chance ---- */

uint32_t sim_random(void)
{
	uint64_t z = world->random += 0x9E3779B97F4A7C15ull;
	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
	return (uint32_t)((z ^ (z >> 31)) >> 32);
}

int64_t sim_between(int64_t low, int64_t high)
{
	uint64_t wide = ((uint64_t)sim_random() << 32) | sim_random();
	return low + (int64_t)(wide % (uint64_t)(high - low + 1));
}

bool sim_chance(int per_mille)
{
	return per_mille > 0 && sim_random() % 1000 < (uint32_t)per_mille;
}

int64_t sim_skewed(int64_t low, int64_t usual, int64_t high)
{
	return sim_chance(950) ? sim_between(low, usual) : sim_between(usual, high);
}

/* ---- processes ---- */

struct process *process_new(enum process_kind kind, struct pod *pod)
{
	struct process *p = calloc(1, sizeof(*p));
	assert(p);
	*p = (struct process){ .kind = kind, .pod = pod, .next = world->processes };
	p->held_end = &p->held;
	p->frozen = pod->machine->paused;
	world->processes = p;
	return p;
}

void process_freeze(struct process *p)
{
	p->frozen++;
}

/* What came in meanwhile is delivered in the order in which it came. */
void process_thaw(struct process *p)
{
	assert(p->frozen > 0);
	if (--p->frozen > 0)
		return;
	struct event *next;
	p->thawed_at = world->now;
	for (struct event *e = p->held; e; e = next) {
		next = e->next;
		e->at = world->now;
		enqueue(e);
	}
	p->held = NULL;
	p->held_end = &p->held;
}

bool process_is_up(const struct process *p)
{
	return p && !p->dead && p->frozen == 0;
}

static void hold(struct process *p, struct event *e)
{
	e->place = -1;
	e->next = NULL;
	*p->held_end = e;
	p->held_end = &e->next;
}

static void dispatch(struct event *e)
{
	struct process *p = e->process;
	if (p && p->frozen > 0 && !p->dead) {
		hold(p, e);
		return;
	}
	sim_fn *fn = e->fn;
	void *arg = e->arg;
	bool dead = p && p->dead;
	event_free(e);
	if (dead)
		return;
	world->counters.events++;
	world->current = p;
	fn(arg);
	world->current = NULL;
	pod_reap_agents();
	check_event();
}

void world_run(void)
{
	int standing = 0;
	while (!world->stopped && world->heap_count > 0 && world->heap[0]->at <= world->options.duration_us) {
		struct event *e = world->heap[0];
		dequeue(e);
		standing = e->at == world->now ? standing + 1 : 0;
		if (standing > STANDSTILL_EVENTS)
			violation("LIVE", "nothing but events, and no time passes");
		world->now = e->at;
		dispatch(e);
	}
}

/* ---- clocks ---- */

static int64_t passed(int64_t us, int64_t rate_ppm)
{
	return us + us / 1000000 * rate_ppm + us % 1000000 * rate_ppm / 1000000;
}

int64_t clock_read(const struct sim_clock *clock)
{
	return clock->value + passed(world->now - clock->since, clock->rate_ppm);
}

void clock_set_rate(struct sim_clock *clock, int64_t rate_ppm)
{
	clock->value = clock_read(clock);
	clock->since = world->now;
	clock->rate_ppm = rate_ppm;
}

int64_t clock_until(const struct sim_clock *clock, int64_t value)
{
	int64_t left = value - clock_read(clock), rate = 1000000 + clock->rate_ppm;
	if (left <= 0)
		return 0;
	if (rate <= 0)
		return SECOND_US; /* it stands still: look again */
	return left / rate * 1000000 + left % rate * 1000000 / rate + 1;
}

struct instant machine_now(const struct machine *machine)
{
	return (struct instant){ clock_read(&machine->boot), clock_read(&machine->raw) };
}

static void each_process_of(struct machine *machine, void (*fn)(struct process *p))
{
	for (struct process *p = world->processes; p; p = p->next)
		if (!p->dead && p->pod->machine == machine)
			fn(p);
}

void machine_pause(struct machine *machine)
{
	assert(!machine->paused);
	machine->paused = true;
	clock_set_rate(&machine->boot, -1000000);
	clock_set_rate(&machine->raw, -1000000);
	each_process_of(machine, process_freeze);
}

void machine_resume(struct machine *machine)
{
	assert(machine->paused);
	machine->paused = false;
	machine->resumed_at = world->now;
	clock_set_rate(&machine->boot, machine->steady_boot_ppm);
	clock_set_rate(&machine->raw, machine->steady_raw_ppm);
	each_process_of(machine, process_thaw);
}

void machine_new_rates(struct machine *m)
{
	const struct sim_options *o = &world->options;
	m->steady_boot_ppm = o->one_clock    ? sim_between(-30000, 30000)
			     : o->bad_clocks ? sim_between(-80000, 80000)
					     : sim_between(-500, 500);
	m->steady_raw_ppm = o->one_clock ? m->steady_boot_ppm : sim_between(-500, 500);
}

static void machine_init(struct machine *m)
{
	machine_new_rates(m);
	m->boot = (struct sim_clock){ world->now, sim_between(1, 1000) * 3600 * SECOND_US, m->steady_boot_ppm };
	m->raw = (struct sim_clock){ world->now, m->boot.value - sim_between(0, 3600) * SECOND_US, m->steady_raw_ppm };
	m->wall_offset = sim_between(-2 * SECOND_US, 2 * SECOND_US);
	m->boot_number = 1;
}

/* ---- the trace ---- */

void sim_trace(const char *format, ...)
{
	char text[600];
	va_list args;
	int n = snprintf(text, sizeof(text), "[%10.3f] ", (double)world->now / 1e6);
	va_start(args, format);
	vsnprintf(text + n, sizeof(text) - (size_t)n, format, args);
	va_end(args);
	if (world->options.trace)
		printf("%s\n", text);
	free(world->trace[world->trace_next]);
	world->trace[world->trace_next] = strdup(text);
	world->trace_next = (world->trace_next + 1) % SIM_TRACE_LINES;
}

void sim_print_trace(FILE *to)
{
	for (int i = 0; i < SIM_TRACE_LINES; i++) {
		const char *line = world->trace[(world->trace_next + i) % SIM_TRACE_LINES];
		if (line)
			fprintf(to, "%s\n", line);
	}
}

/* ---- a world's life ---- */

void world_init(const struct sim_options *options)
{
	world = calloc(1, sizeof(*world));
	assert(world);
	world->options = *options;
	world->random = options->seed * 0x2545F4914F6CDD1Dull;
	world->now = SECOND_US;
	for (int i = 0; i < SIM_MACHINES; i++)
		machine_init(&world->machines[i]);
	wal_init();
	net_init();
	check_init();
	kubelet_init();
	clients_init();
	faults_init();
}

void world_finish(void)
{
	struct process *next;
	struct event *after;
	kubelet_finish();
	faults_finish();
	clients_finish();
	check_finish();
	net_finish();
	volumes_finish();
	wal_finish();
	for (int i = 0; i < world->heap_count; i++)
		free(world->heap[i]);
	for (struct process *p = world->processes; p; p = next) {
		next = p->next;
		for (struct event *e = p->held; e; e = after) {
			after = e->next;
			free(e);
		}
		free(p);
	}
	for (struct event *e = world->free_events; e; e = after) {
		after = e->next;
		free(e);
	}
	for (int i = 0; i < SIM_TRACE_LINES; i++)
		free(world->trace[i]);
	free(world->heap);
	free(world->members);
	free(world);
	world = NULL;
}
