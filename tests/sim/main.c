/* The simulator's command line: seeds in, violations out. */
#include "sim.h"

#include "core/table.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct campaign {
	uint64_t from, seeds;
	double hours; /* a seed */
	bool trace, quiet, faults_must_strike, brief;
	const char *ignored, *only, *faults; /* invariants that are not looked at; that alone are; kinds of faults */
	bool bad_clocks, one_clock, slices, restores;
	int64_t start_timeout_s, lag_bytes;
	int64_t loop_wait_s;
	struct sim_counters sum;
	double virtual_hours;
};

static int mutant_number;

#ifdef HOWDAH_MUTANTS
bool mutant(int number)
{
	return number == mutant_number;
}
#endif

static double wall_seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* What differs from seed to seed beside the faults. */
static void choose_options(struct sim_options *o, const struct campaign *c, uint64_t seed)
{
	uint64_t h = seed * 0x9E3779B97F4A7C15ull;
	*o = (struct sim_options){ .seed = seed, .trace = c->trace, .quiet = c->quiet, .mutant = mutant_number };
	o->members = 2 + (int)(h >> 60) % 4;
	o->endpoints = (h >> 50) % 2;
	o->bad_clocks = (h >> 40) % 4 == 0;
	o->loop_wait_s = c->loop_wait_s > 0 ? c->loop_wait_s : (h >> 30) % 3 == 0 ? 5 : 10;
	o->ttl_s = o->loop_wait_s >= 10 ? 30 : 15;
	o->retry_timeout_s = o->loop_wait_s >= 10 ? 10 : 4;
	o->ttl_max_s = 120;
	o->failsafe = (h >> 15) % 2 == 0;
	o->can_rewind = (h >> 20) % 2 == 0;
	o->busybody = (h >> 25) % 4 == 0;
	o->endpoints &= !c->slices;
	o->slices = !o->endpoints && (c->slices || (h >> 45) % 3 == 0);
	o->restores = c->restores || (h >> 10) % 4 == 0;
	o->bad_clocks |= c->bad_clocks;
	o->one_clock = c->one_clock;
	o->start_timeout_s = c->start_timeout_s;
	o->lag_bytes = c->lag_bytes;
	o->ignored = c->ignored;
	o->only = c->only;
	o->faults = c->faults;
	o->duration_us = (int64_t)(c->hours * 3600e6);
}

static void add_counters(struct sim_counters *sum)
{
	const struct sim_counters *c = &world->counters;
	sum->events += c->events;
	sum->decisions += c->decisions;
	sum->leaderships += c->leaderships;
	sum->promotions += c->promotions;
	sum->commits += c->commits;
	sum->lost_commits += c->lost_commits;
	sum->api_requests += c->api_requests;
	sum->agents += c->agents;
	sum->handovers += c->handovers;
	sum->heard += c->heard;
	sum->patches += c->patches;
	sum->resizes += c->resizes;
	sum->evictions += c->evictions;
}

static bool run_seed(struct campaign *c, uint64_t seed)
{
	struct sim_options o;
	choose_options(&o, c, seed);
	world_init(&o);
	world_run();
	const char *invariant = violation_invariant();
	if (invariant && !c->brief && !c->trace)
		sim_print_trace(stdout);
	if (invariant)
		printf("VIOLATION %s seed %" PRIu64 " at %.3f s: %s\n  replay: sim --seed %" PRIu64 " --trace%s\n",
		       invariant, seed, (double)world->now / 1e6, violation_text(), seed,
		       mutant_number ? " --mutant ..." : "");
	kubelet_count_turns();
	add_counters(&c->sum);
	c->virtual_hours += (double)world->now / 3600e6;
	world_finish();
	return !invariant;
}

static void report(const struct campaign *c, double took_s)
{
	const struct sim_counters *s = &c->sum;
	printf("%.1f cluster-hours in %.1f s (%.0f a minute), %ld events, %ld turns, %ld leaderships, %ld writable "
	       "servers, "
	       "%ld commits (%ld leader changes lost some), %ld handed over, %ld given back by mouth, %ld sidecars and "
	       "%ld pods "
	       "replaced, %ld resized, %ld API requests, %ld agents\n",
	       c->virtual_hours, took_s, c->virtual_hours / took_s * 60, s->events, s->decisions, s->leaderships,
	       s->promotions, s->commits, s->lost_commits, s->handovers, s->heard, s->patches, s->evictions, s->resizes,
	       s->api_requests, s->agents);
}

static bool report_faults(void)
{
	bool all = true;
	for (int i = 0; i < fault_kinds(); i++) {
		printf("  %-28s %ld\n", fault_name(i), fault_counts[i]);
		all &= fault_counts[i] > 0;
	}
	if (!all)
		printf("a kind of fault never took effect: this campaign shows nothing about it\n");
	return all;
}

static int run_campaign(struct campaign *c)
{
	double began = wall_seconds();
	bool ok = true;
	for (uint64_t i = 0; i < c->seeds && ok; i++)
		ok = run_seed(c, c->from + i);
	if (!c->brief)
		report(c, wall_seconds() - began);
	if (ok && !c->quiet && c->faults_must_strike)
		ok = report_faults();
	return ok ? 0 : 1;
}

static const struct option long_options[] = {
	{ "seeds", 1, NULL, 'n' },
	{ "from", 1, NULL, 'f' },
	{ "seed", 1, NULL, 's' },
	{ "hours", 1, NULL, 'h' },
	{ "mutant", 1, NULL, 'm' },
	{ "trace", 0, NULL, 't' },
	{ "quiet", 0, NULL, 'q' },
	{ "brief", 0, NULL, 'b' },
	{ "loop-wait", 1, NULL, 'l' },
	{ "ignore", 1, NULL, 'i' },
	{ "only", 1, NULL, 'o' },
	{ "faults", 1, NULL, 'F' },
	{ "bad-clocks", 0, NULL, 'c' },
	{ "one-clock", 0, NULL, 'C' },
	{ "slices", 0, NULL, 'r' },
	{ "restores", 0, NULL, 'R' },
	{ "lag", 1, NULL, 'L' },
	{ "start-timeout", 1, NULL, 'S' },
	{ 0 },
};

static void take_switch(struct campaign *c, int option)
{
	c->trace |= option == 't';
	c->quiet |= option == 'q';
	c->brief |= option == 'b';
	c->bad_clocks |= option == 'c';
	c->one_clock |= option == 'C';
	c->slices |= option == 'r';
	c->restores |= option == 'R';
}

static void take_text(struct campaign *c, int option, const char *value)
{
	if (option == 'i')
		c->ignored = value;
	else if (option == 'o')
		c->only = value;
	else if (option == 'F')
		c->faults = value;
	else if (option == 'h')
		c->hours = strtod(value, NULL);
}

static void take_number(struct campaign *c, int option, int64_t number)
{
	if (option == 'n')
		c->seeds = (uint64_t)number;
	else if (option == 'f' || option == 's')
		c->from = (uint64_t)number;
	else if (option == 'm')
		mutant_number = (int)number;
	else if (option == 'l')
		c->loop_wait_s = number;
	else if (option == 'S')
		c->start_timeout_s = number;
	else if (option == 'L')
		c->lag_bytes = number;
	if (option == 's')
		c->seeds = 1;
}

int main(int argc, char **argv)
{
	struct campaign c = { .from = 1,
			      .seeds = 20,
			      .hours = 2,
			      .ignored = "",
			      .only = "",
			      .faults = "",
			      .start_timeout_s = 300,
			      .lag_bytes = 1048576 };
	int option;
	setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1", 1);
	setenv("KUBERNETES_SERVICE_PORT", "443", 1);
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (option == '?')
			return 2;
		take_switch(&c, option);
		if (optarg) {
			take_text(&c, option, optarg);
			take_number(&c, option, strtol(optarg, NULL, 10));
		}
	}
	c.faults_must_strike = (double)c.seeds * c.hours >= 40 && c.faults[0] == '\0';
	return run_campaign(&c);
}
