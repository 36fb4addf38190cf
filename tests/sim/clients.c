/* Clients that write through the route that the cluster publishes: the leader's label, its EndpointSlice, or the subsets of Endpoints. What
 * was acknowledged is remembered; what a later leader does not have was lost (and may be: replication is
 * asynchronous). */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

struct clients {
	struct event *next;
	struct position last; /* acknowledged */
	int last_writer;      /* branch */
};

static bool accepts(const struct server *s)
{
	return s && s->process && s->process->frozen == 0 && s->postmaster && s->phase == SERVER_PRIMARY;
}

static struct pod *pod_of_slice(void)
{
	const struct json *slice = api_get(world->api, "endpointslices", "sim-ipv4");
	const char *ip = json_text(json_first(json_get(json_first(json_get(slice, "endpoints")), "addresses")));
	return ip ? pod_by_ip(ip) : NULL;
}

/* One of the routed pods, by chance, as a Service would choose. */
static struct pod *routed_pod(void)
{
	struct pod *found = NULL;
	uint32_t seen = 0;
	if (world->options.endpoints) {
		const struct json *subset = json_first(json_get(api_get(world->api, "endpoints", "sim"), "subsets"));
		const char *ip = json_get_text(json_first(json_get(subset, "addresses")), "ip");
		return ip ? pod_by_ip(ip) : NULL;
	}
	if (world->options.slices)
		return pod_of_slice();
	for (const struct json *o = NULL; (o = api_next(world->api, "pods", o)) != NULL;) {
		const char *role = json_get_text(json_path(o, "metadata.labels"), "role");
		const char *ip = json_get_text(json_get(o, "status"), "podIP");
		if (role && ip && strcmp(role, "primary") == 0 && sim_random() % ++seen == 0)
			found = pod_by_ip(ip);
	}
	return found;
}

static void on_next(UNUSED void *arg)
{
	struct clients *c = world->clients;
	struct pod *pod = routed_pod();
	struct server *s = pod && pod->supervisor ? supervisor_server(pod->supervisor) : NULL;
	c->next = sim_after(sim_between(300, 3000) * MS_US, NULL, on_next, NULL);
	if (!accepts(s))
		return;
	server_commit(s);
	if (c->last.branch >= 0 && c->last.branch != s->volume->at.branch && !wal_is_prefix(c->last, s->volume->at))
		world->counters.lost_commits++;
	c->last = s->volume->at;
}

void clients_init(void)
{
	world->clients = calloc(1, sizeof(*world->clients));
	assert(world->clients);
	world->clients->last.branch = -1;
	world->clients->next = sim_after(SECOND_US, NULL, on_next, NULL);
}

void clients_finish(void)
{
	free(world->clients);
}
