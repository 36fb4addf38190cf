#include "core/cluster.h"

#include "base/strbuf.h"

#include <string.h>

static const char *const state_texts[] = {
	[STATE_INITDB] = "initializing new cluster",
	[STATE_INITDB_FAILED] = "initdb failed",
	[STATE_CUSTOM_BOOTSTRAP] = "running custom bootstrap script",
	[STATE_CUSTOM_BOOTSTRAP_FAILED] = "custom bootstrap failed",
	[STATE_CREATING_REPLICA] = "creating replica",
	[STATE_RUNNING] = "running",
	[STATE_STARTING] = "starting",
	[STATE_BOOTSTRAP_STARTING] = "starting after custom bootstrap",
	[STATE_START_FAILED] = "start failed",
	[STATE_RESTARTING] = "restarting",
	[STATE_RESTART_FAILED] = "restart failed",
	[STATE_STOPPING] = "stopping",
	[STATE_STOPPED] = "stopped",
	[STATE_STOP_FAILED] = "stop failed",
	[STATE_CRASHED] = "crashed",
	[STATE_UNKNOWN] = "unknown",
};
static_assert(ARRAY_SIZE(state_texts) == STATE_COUNT, "every state has a text");

static const char *const role_texts[] = {
	[ROLE_UNINITIALIZED] = "uninitialized",   [ROLE_REPLICA] = "replica", [ROLE_PRIMARY] = "primary",
	[ROLE_STANDBY_LEADER] = "standby_leader", [ROLE_DEMOTED] = "demoted", [ROLE_PROMOTED] = "promoted",
};
static_assert(ARRAY_SIZE(role_texts) == ROLE_COUNT, "every role has a text");

const char *member_state_text(enum member_state state)
{
	assert(state < STATE_COUNT);
	return state_texts[state];
}

enum member_state member_state_from_text(const char *text)
{
	for (int i = 0; i < STATE_COUNT; i++)
		if (text != NULL && strcmp(text, state_texts[i]) == 0)
			return (enum member_state)i;
	return STATE_UNKNOWN;
}

const char *member_role_text(enum member_role role)
{
	assert(role < ROLE_COUNT);
	return role_texts[role];
}

enum member_role member_role_from_text(const char *text)
{
	if (text != NULL && strcmp(text, "master") == 0)
		return ROLE_PRIMARY;
	for (int i = 0; i < ROLE_COUNT; i++)
		if (text != NULL && strcmp(text, role_texts[i]) == 0)
			return (enum member_role)i;
	return ROLE_UNINITIALIZED;
}

const struct member *cluster_member(const struct cluster *cluster, const char *name)
{
	for (int i = 0; i < cluster->member_count; i++)
		if (strcmp(cluster->members[i].name, name) == 0)
			return &cluster->members[i];
	return NULL;
}

void copy_member_name(char to[static NAME_SIZE], const struct member *member)
{
	to[0] = '\0';
	if (member != NULL)
		__builtin_memcpy(to, member->name, NAME_SIZE);
}

uint32_t cluster_timeline(const struct cluster *cluster)
{
	int count = cluster->history.count;
	if (!cluster->has_history)
		return 0;
	uint32_t next = count == 0 ? 1 : cluster->history.entries[count - 1].timeline + 1;
	return cluster->begun_timeline > next ? cluster->begun_timeline : next;
}

/* UTF-8 to a code point; a byte that is none stands for itself. */
static uint32_t next_code_point(const unsigned char **p)
{
	const unsigned char *s = *p;
	int more = s[0] >= 0xf0 ? 3 : s[0] >= 0xe0 ? 2 : s[0] >= 0xc0 ? 1 : 0;
	uint32_t code = more == 0 ? s[0] : s[0] & (0x3fu >> more);
	for (int i = 1; i <= more; i++) {
		if ((s[i] & 0xc0) != 0x80) {
			*p = s + 1;
			return s[0];
		}
		code = code << 6 | (s[i] & 0x3fu);
	}
	*p = s + more + 1;
	return code;
}

void slot_name_from_member(const char *member, char *slot, size_t size)
{
	struct strbuf b;
	strbuf_init(&b, slot, size);
	const unsigned char *p = (const unsigned char *)member;
	while (*p != '\0') {
		uint32_t c = next_code_point(&p);
		if (c >= 'A' && c <= 'Z')
			strbuf_add_char(&b, (char)(c - 'A' + 'a'));
		else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')
			strbuf_add_char(&b, (char)c);
		else if (c == '-' || c == '.')
			strbuf_add_char(&b, '_');
		else
			strbuf_addf(&b, "u%04u", c);
	}
	if (size > 63)
		slot[63] = '\0';
}
