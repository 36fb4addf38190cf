/* What kubelets do when the resources of a running pod change, what stands in the way of that now and then, and when a pod may be
 * evicted for resources alone. */
#include "codec/units.h"
#include "sim.h"

#include <stdio.h>
#include <string.h>

enum { LATE_US = 270000000 /* less than the agents wait, by the worst of their clocks */ };

static int memory_of(const struct json *object)
{
	const struct json *container = json_first(json_path(object, "spec.containers"));
	const char *text = json_get_text(json_path(container, "resources.limits"), "memory");
	int64_t bytes;
	return text && units_quantity(text, &bytes) ? (int)(bytes >> 20) : 0;
}

int resize_print_resources(int memory, char *text, size_t size)
{
	return snprintf(text, size, "{\"limits\":{\"memory\":\"%dMi\"},\"requests\":{\"cpu\":\"%dm\"}}", memory,
			memory);
}

void resize_print_conditions(const struct pod *pod, char *text, size_t size)
{
	static const char *const reasons[] = { [RESIZE_DEFERRED] = "Deferred", [RESIZE_INFEASIBLE] = "Infeasible" };
	const char *reason = reasons[pod->resize_pending];
	snprintf(text, size, "[{\"type\":\"Ready\",\"status\":\"%s\"}%s%s%s]", pod->ready ? "True" : "False",
		 reason ? ",{\"type\":\"PodResizePending\",\"status\":\"True\",\"reason\":\"" : "",
		 reason ? reason : "", reason ? "\"}" : "");
}

static void on_resize(void *arg)
{
	struct pod *pod = arg;
	pod->resize_due = NULL;
	if (!pod->current)
		return;
	if (pod->machine->paused || world->now < pod->machine->up_at) {
		pod->resize_due = sim_after(SECOND_US, NULL, on_resize, pod);
		return;
	}
	bool has_it = pod->memory == pod->memory_wanted;
	pod->resize_pending = world->now < pod->room_at && !has_it ? pod->resize_fate : RESIZE_DONE;
	pod->resize_excused |= pod->resize_pending == RESIZE_INFEASIBLE;
	if (pod->resize_pending == RESIZE_DONE)
		pod->memory = pod->memory_wanted;
	else if (pod->resize_pending == RESIZE_DEFERRED)
		pod->resize_due = sim_at(pod->room_at, NULL, on_resize, pod);
	sim_trace("%s: the kubelet %s %dMi", pod->name,
		  pod->resize_pending == RESIZE_DONE       ? "gives"
		  : pod->resize_pending == RESIZE_DEFERRED ? "has no room for now for"
							   : "has never room for",
		  pod->memory_wanted);
	statefulset_status_soon(pod);
}

/* Most nodes have room, some will have it in a while or in a long one, some never. */
static void choose_fate(struct pod *pod)
{
	uint32_t at = pod->resize_smooth ? 100 : sim_random() % 100;
	pod->resize_fate = at < 8 ? RESIZE_INFEASIBLE : RESIZE_DEFERRED;
	pod->room_at = at < 8    ? INT64_MAX
		       : at < 16 ? world->now + sim_between(1, 100) * SECOND_US
		       : at < 19 ? world->now + 3600 * SECOND_US
				 : 0;
}

void resize_see_spec(struct pod *pod, const struct json *object, bool by_agent)
{
	int memory = memory_of(object);
	if (memory == 0 || memory == pod->memory_wanted)
		return;
	pod->memory_wanted = memory;
	world->counters.resizes += by_agent;
	sim_trace("%s: it is to have %dMi", pod->name, memory);
	choose_fate(pod);
	sim_cancel(&pod->resize_due);
	pod->resize_due = sim_after(sim_between(100, 1500) * MS_US, NULL, on_resize, pod);
}

void resize_see_mark(struct pod *pod, const struct json *object)
{
	const char *mark = json_get_text(json_path(object, "metadata.annotations"), "howdah.io/sidecar");
	if (!mark || strcmp(mark, pod->mark) == 0)
		return;
	text_copy(pod->mark, sizeof(pod->mark), mark);
	pod->marked_at = world->now;
}

/* From here on whatever is refused stands in its way. */
void resize_begins_anew(struct pod *pod)
{
	pod->resize_excused = false;
	pod->refusals_before = api_resize_refusals(world->api) + api_storm_hits(world->api);
}

bool resize_is_excused(const struct pod *pod)
{
	bool late = pod->mark[0] != '\0' && world->now - pod->marked_at > LATE_US;
	bool refused = api_resize_refusals(world->api) + api_storm_hits(world->api) > pod->refusals_before;
	return pod->resize_excused || refused || (late && pod->memory != pod->memory_wanted);
}
