/* The life cycle of this pod and of its siblings, as far as a platform knows one. platform/kubernetes implements it;
 * elsewhere every fact is absent and every act is refused. Revisions and what is done about them are the store's (dcs/dcs.h). */
#ifndef HOWDAH_PLATFORM_PLATFORM_H
#define HOWDAH_PLATFORM_PLATFORM_H

#include "base/err.h"
#include "core/limits.h"

struct platform_pod {
	char name[NAME_SIZE], uid[UID_SIZE];
	uint64_t version;
	bool deleting;   /* deletionTimestamp is set */
	int64_t grace_s; /* deletionGracePeriodSeconds; -1: unknown */
};

struct platform_facts {
	bool known;          /* false: not on such a platform, or no right to look */
	int wanted_replicas; /* -1: unknown */
	struct platform_pod self;
};

struct platform;

const struct platform_facts *platform_facts(const struct platform *platform);
bool platform_pod(const struct platform *platform, const char *name, struct platform_pod *out);
void platform_event(struct platform *platform, const char *reason, const char *text,
		    bool warning); /* best effort, said once */

#endif
