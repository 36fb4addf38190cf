/* The roll-out without an operator: which one pod, if any, is next, and what is done to it. Asked anew each turn by the
 * leader; no stages are remembered.
 *
 * A step is only taken within ttl/3 of an answered renewal, with every other member seen streaming on our timeline, by
 * its own answer and by its pod. The second of these is what makes the steps of a former leader harmless that are still on
 * their way: each leader has a timeline of its own, so each member's pod has been written since, and every step carries
 * the version of the pod that it was decided on. */
#ifndef HOWDAH_CORE_ROLLOUT_H
#define HOWDAH_CORE_ROLLOUT_H

#include "core/decide.h"

enum rollout_fact {
	FACT_O_BUSY,      /* a look or a step is on its way */
	FACT_O_DUE,       /* the StatefulSet is to be looked at */
	FACT_O_FORBIDDEN, /* the API refuses that */
	FACT_O_KNOWN,     /* what it wants is known, and what each pod lacks */
	FACT_O_LEFT,      /* a pod is not as it wants it */
	FACT_O_OURS,      /* it leaves the replacing of pods to us: updateStrategy OnDelete */
	FACT_O_PAUSED,
	FACT_O_MOVING,   /* the lead is moved, or something is done to PostgreSQL here */
	FACT_O_COMPLETE, /* as many pods as it wants, none of them ending */
	FACT_O_HEARD,    /* the other members were asked just now */
	FACT_O_WELL,     /* all but the next one stream and are near enough */
	FACT_O_RENEWED,  /* less than ttl/3 ago */
	FACT_O_REFUSED,  /* the last step, a moment ago */
	FACT_O_PATCHED,  /* the next one's pod was changed in place */
	FACT_O_BACK,     /* ... and its containers run so, and the member is well */
	FACT_O_LIVE,     /* nothing differs of the next one but what can be changed under a running PostgreSQL */
	FACT_O_LEADER,   /* the next one is ourselves */
	FACT_O_SLOW,     /* ... and the others' sidecars were away for too long to do it under way */
	FACT_O_ALONE,    /* there is no other member */
	FACT_O_FIT,      /* somebody could take over */
	FACT_O_COUNT
};

bool rollout_is_ours_to_look_at(const struct situation *s); /* we lead, and our pod belongs to a StatefulSet */
uint32_t rollout_facts(const struct situation *s);
const struct member *rollout_next(const struct situation *s); /* NULL: none is left */

/* The uid of the next pod while it waits for its resources, and may: after a while that counts as a refusal. "": it does not. */
const char *rollout_resizes(const struct situation *s);

/* For how long nothing is begun after a step. */
enum rollout_outcome {
	ROLLOUT_TAKEN,
	ROLLOUT_NOT_NOW, /* a budget, a conflict, no answer */
	ROLLOUT_FORBIDDEN,
	ROLLOUT_OUTCOME_COUNT
};
int64_t rollout_rest_ms(enum action step, enum rollout_outcome outcome);

/* Rows that come and go between two looks, and say nothing to people. */
bool rollout_is_passing(int row);

/* What people are shown. */
struct rollout_progress {
	int updated, wanted;
	char next[NAME_SIZE]; /* "": none is left */
	char ill[NAME_SIZE];  /* whom it waits for; "": nobody */
};
void rollout_progress(const struct situation *s, struct rollout_progress *progress);

#endif
