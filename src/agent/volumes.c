/* Volume growth: the leader raises the claims of all members to howdah.expand_claims, and says what the API answers. Looked at when it
 * becomes the leader, when the configuration or the members change, and now and then. */
#include "private.h"

#include "base/strbuf.h"

enum { AGAIN_AFTER_MS = 300 * 1000, CLAIM_SIZE = 254 };

static void on_done(void *arg, enum dcs_outcome outcome, const char *text)
{
	struct agent *agent = arg;
	agent->volumes.open--;
	if (outcome != DCS_DONE)
		agent_notice(agent, true, "CannotGrowVolume", "%s", text);
	else if (text[0] != '\0')
		agent_notice(agent, false, "VolumeGrown",
			     "%s; the file system follows when the storage has done its part", text);
}

static void grow(struct agent *agent, const struct json *item, const char *member)
{
	char claim[CLAIM_SIZE];
	struct strbuf b;
	const char *size = json_text(item);
	strbuf_init(&b, claim, sizeof(claim));
	strbuf_addf(&b, "%s-%s", json_key(item), member); /* as a StatefulSet names them */
	agent->volumes.open++;
	dcs_grow_claim(agent->dcs, claim, size != NULL ? size : "", on_done, agent);
}

void agent_volumes_turn(struct agent *agent)
{
	struct situation s = agent_situation(agent);
	const struct json *wanted = json_path(agent->config.local, "howdah.expand_claims");
	if (json_count(wanted) == 0 || agent->volumes.open > 0 || !leads_now(&s)) {
		if (!leads_now(&s))
			agent->volumes.looked = (struct instant){ 0, 0 };
		return;
	}
	bool fresh = instant_is_set(agent->volumes.looked) &&
		     elapsed_least_ms(agent->volumes.looked, s.now) < AGAIN_AFTER_MS &&
		     agent->volumes.members == s.cluster->member_count;
	if (fresh)
		return;
	agent->volumes.looked = s.now;
	agent->volumes.members = s.cluster->member_count;
	for (const struct json *item = json_first(wanted); item != NULL; item = json_next(item))
		for (int i = 0; i < s.cluster->member_count; i++)
			grow(agent, item, s.cluster->members[i].name);
}
