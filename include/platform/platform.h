/* The life cycle of this pod and of its siblings, as far as a platform knows one. platform/kubernetes implements it;
 * elsewhere every fact is absent and every act is refused. */
#ifndef HOWDAH_PLATFORM_PLATFORM_H
#define HOWDAH_PLATFORM_PLATFORM_H

#include "base/err.h"
#include "core/limits.h"

struct platform_pod {
	char name[NAME_SIZE], uid[UID_SIZE];
	uint64_t version;
	bool deleting;             /* deletionTimestamp is set */
	int64_t grace_s;           /* deletionGracePeriodSeconds; -1: unknown */
	bool template_old;         /* its controller revision is not the update revision */
	bool only_sidecar_differs; /* and the sidecar's image is all that differs */
};

struct platform_facts {
	bool known;          /* false: not on such a platform, or no right to look */
	int wanted_replicas; /* -1: unknown */
	struct platform_pod self;
};

struct platform;
typedef void platform_done(void *arg, bool ok, const char *text);

const struct platform_facts *platform_facts(const struct platform *platform);
bool platform_pod(const struct platform *platform, const char *name, struct platform_pod *out);
void platform_evict(struct platform *platform, const struct platform_pod *pod, platform_done *done,
		    void *arg); /* with uid and version as preconditions */
void platform_patch_sidecar_image(struct platform *platform, const struct platform_pod *pod, const char *image,
				  platform_done *done, void *arg);
void platform_event(struct platform *platform, const char *reason, const char *text,
		    bool warning); /* best effort, said once */

#endif
