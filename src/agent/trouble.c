/* What keeps this member from being of use until a person does something: notices.c says it. */
#include "private.h"

#include "base/strbuf.h"

#include <string.h>

/* Nothing is changed by us: which of the two is right is not ours to guess. The command gives the store the identifier of the data,
 * and takes away what it knows of the other cluster's positions and timelines; the lock itself stays what it is. */
static void add_foreign(const struct agent *agent, struct strbuf *to)
{
	const struct config *c = &agent->config;
	bool endpoints = c->kubernetes.use_endpoints;
	const char *here = postgres_instance(agent->pg)->system_identifier;
	strbuf_addf(
		to,
		"system ID mismatch: the data directory is of %s, the cluster in the store of %s: PostgreSQL is not "
		"started. Another volume was mounted, or the store is of an older cluster. If the data is right: "
		"kubectl -n %s annotate --overwrite %s %s-config %s%s initialize=%s optime- history- "
		"howdah.io/timeline- howdah.io/timelines-",
		here, dcs_view(agent->dcs)->system_identifier, c->kubernetes.space,
		endpoints ? "endpoints" : "configmap", c->scope, c->scope, endpoints ? "" : "-leader", here);
}

void agent_sense_trouble(struct agent *agent)
{
	char text[sizeof(agent->trouble)];
	struct strbuf b;
	struct situation s = agent_situation(agent);
	strbuf_init(&b, text, sizeof(text));
	if (is_foreign(&s))
		add_foreign(agent, &b);
	else
		strbuf_add(&b, postgres_details(agent->pg)->trouble);
	text_copy(agent->trouble, sizeof(agent->trouble), text);
}
