/* The roll-out's effectors, and what is said of it. What is done, and whether, is decided in core/rollout.c. */
#include "private.h"

#include "base/log.h"
#include "base/strbuf.h"
#include "core/rollout.h"

#include <string.h>

static enum rollout_outcome outcome_of(enum dcs_outcome outcome)
{
	return outcome == DCS_DONE ? ROLLOUT_TAKEN : outcome == DCS_REFUSED ? ROLLOUT_FORBIDDEN : ROLLOUT_NOT_NOW;
}

static void step_done(void *arg, enum dcs_outcome outcome, const char *text)
{
	struct agent *agent = arg;
	struct rollout_words *words = &agent->rollout;
	bool handed = words->action == ACT_HAND_OVER && outcome == DCS_DONE;
	agent->self.rollout_open = false;
	text_copy(words->refusal, sizeof(words->refusal),
		  handed ? "the lead was to be handed over, and that did not come about" : text);
	agent->self.rollout_rests_until =
		instant_after_ms(loop_now(agent->loop), rollout_rest_ms(words->action, outcome_of(outcome)));
	if (outcome != DCS_DONE)
		log_warning("roll-out: %s was refused: %s", words->step, text);
	agent_wake(agent);
}

static void begin_step(struct agent *agent, enum action action, const char *what)
{
	struct strbuf b;
	agent->rollout.action = action;
	strbuf_init(&b, agent->rollout.step, sizeof(agent->rollout.step));
	strbuf_addf(&b, "%s%s%s", what, agent->plan.next[0] != '\0' ? " of " : "", agent->plan.next);
	agent->self.rollout_open = true;
	log_info("roll-out to %s: %s", dcs_view(agent->dcs)->set.revision, agent->rollout.step);
}

static void look_done(void *arg, enum dcs_outcome outcome, const char *text)
{
	struct agent *agent = arg;
	agent->self.rollout_open = false;
	if (outcome == DCS_NO_ANSWER)
		log_debug("the StatefulSet was not looked at: %s", text);
	agent_wake(agent);
}

void agent_look_at_rollout(struct agent *agent)
{
	agent->self.rollout_open = true;
	agent->self.rollout_looked = loop_now(agent->loop);
	dcs_look_at_rollout(agent->dcs, look_done, agent);
}

void agent_change_pod(struct agent *agent)
{
	begin_step(agent, ACT_CHANGE_POD, "change in place");
	dcs_change_pod(agent->dcs, agent->plan.next, step_done, agent);
}

void agent_set_revision(struct agent *agent)
{
	begin_step(agent, ACT_SET_REVISION, "revision label");
	dcs_set_revision(agent->dcs, agent->plan.next, step_done, agent);
}

void agent_evict(struct agent *agent)
{
	begin_step(agent, ACT_EVICT, "eviction");
	dcs_evict(agent->dcs, agent->plan.next, step_done, agent);
}

/* Where it is by then to be decided whether anybody can take it, as for people. */
void agent_hand_over(struct agent *agent)
{
	struct move move = { .asked = true };
	begin_step(agent, ACT_HAND_OVER, "hand-over before the pod");
	text_copy(move.leader, sizeof(move.leader), agent->self.name);
	dcs_write_move(agent->dcs, &move, step_done, agent);
}

/* ---- what is said ---- */

static void print_report(const struct agent *agent, const struct situation *s, const struct rule *rule,
			 struct strbuf *to)
{
	struct rollout_progress p;
	struct json *root = json_new_object();
	bool refused = strcmp(rule->id, "refused") == 0, unwell = strcmp(rule->id, "unwell") == 0;
	char resources[RESIZE_TEXT_SIZE];
	rollout_progress(s, &p);
	dcs_tell_resize(agent->dcs, p.next, resources, sizeof(resources));
	json_set_text(root, "statefulset", s->cluster->set.name);
	json_set_text(root, "revision", s->cluster->set.revision);
	json_set_i64(root, "updated", p.updated);
	json_set_i64(root, "replicas", p.wanted);
	if (p.next[0] != '\0')
		json_set_text(root, "next", p.next);
	json_set_text(root, "state", rule->id);
	if (unwell && p.ill[0] != '\0')
		json_set_text(root, "member", p.ill);
	json_set_text(root, "reason",
		      refused && agent->rollout.refusal[0] != '\0' ? agent->rollout.refusal : rule->why);
	if (resources[0] != '\0')
		json_set_text(root, "resources", resources);
	json_print(root, JSON_COMPACT, to);
	json_free(root);
}

static void sense_resize(struct agent *agent, const struct situation *s)
{
	const char *pod = rollout_resizes(s);
	struct self *self = &agent->self;
	if (text_equal(pod, self->resizing))
		return;
	text_copy(self->resizing, sizeof(self->resizing), pod);
	self->resizing_since = s->now;
}

/* As it was last decided; "" when there is nothing to say. */
void agent_sense_rollout(struct agent *agent)
{
	struct situation s = agent_situation(agent);
	char *text = agent->rollout.report;
	int row = agent->plan.verdicts[TABLE_ROLLOUT].rule;
	sense_resize(agent, &s);
	if (!rollout_is_ours_to_look_at(&s)) {
		text[0] = '\0';
		return;
	}
	if (row < 0 || rollout_is_passing(row))
		return;
	const struct rule *rule = &tables[TABLE_ROLLOUT]->rules[row];
	struct strbuf b;
	strbuf_init(&b, text, sizeof(agent->rollout.report));
	if (strcmp(rule->id, "done") != 0)
		print_report(agent, &s, rule, &b);
	if (!strbuf_ok(&b))
		text[0] = '\0';
	if (agent->rollout.said != row)
		log_info("roll-out: %s: %s%s%s", rule->id, rule->why, text[0] != '\0' ? ": " : "", text);
	agent->rollout.said = row;
}
