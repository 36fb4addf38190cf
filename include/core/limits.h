/* How large the things of the domain may be. A value that does not fit is refused at the door, never cut. */
#ifndef HOWDAH_CORE_LIMITS_H
#define HOWDAH_CORE_LIMITS_H

enum {
	NAME_SIZE = 64, /* member, scope, role: Kubernetes label values are at most 63 */
	TIME_SIZE = 40, /* ISO 8601 text */
	UID_SIZE = 40,
	URL_SIZE = 256,
	HOST_SIZE = 128,
	SYSID_SIZE = 24, /* a system identifier as text */
	MEMBERS_MAX = 32,
	HISTORY_MAX = 256, /* timelines that are kept in memory; older ones are dropped at the front */
	REASON_SIZE = 128,
};

#endif
