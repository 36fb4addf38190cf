/* Questions that several tables ask, answered once. */
#ifndef HOWDAH_CORE_FACTS_H
#define HOWDAH_CORE_FACTS_H

#include "core/decide.h"

enum {
	PEER_FRESH_MS =
		1000, /* an answer this young counts in a race, if it was asked for after the lock became free */
	PEER_SILENT_MS = 3000, /* a question that had no answer counts as silence for this long */
	START_AHEAD_MS = 1000, /* what is made writable is not stopped again for T before this */
	CLAIM_AGAIN_MS = 200,  /* a lock write for another timeline number, no sooner after the last one */
	REWIND_TRIES = 3,
	RECOVERY_TRIES = 3,
	FOLLOW_AGAIN_MS = 500, /* two pods of one name may say in turn that they are the leader */
	RETRY_MS = 1000,       /* a lock write that failed is repeated no sooner */
	FORCED_STOP_MS = 400,  /* kubelet kills a container a second after it asked, if its pod was deleted by force */
};

static inline uint32_t when(bool condition, uint32_t fact)
{
	return condition ? fact : 0;
}

bool within_ms(struct instant since, int64_t ms, struct instant now); /* it is set and at most this old */
bool has_lease(const struct situation *s);          /* a token of ours is kept, whatever the record says */
bool has_given_back(const struct situation *s);     /* ... and a release of it was sent: it is never renewed again */
bool view_is_fresh(const struct situation *s);      /* the API answered within retry_timeout and both lists are there */
bool supervisor_is_sure(const struct situation *s); /* it answered within a third of the ttl */
bool deadline_is_ahead(const struct situation *s, int64_t ms); /* the supervisor's T, by the faster clock */
bool record_is_strangers(
	const struct situation
		*s); /* the record in the store is another holder's, or nobody's, and we have a token or are writable */
bool leader_answers(const struct situation *s); /* whoever holds the lock has answered just now, as a primary */
bool has_data(const struct situation *s);
bool serves_as_standby(const struct situation *s);
bool is_primary_up(const struct situation *s);
bool is_ended_by_force(const struct situation *s);    /* its pod's object is gone, its container about to be killed */
bool has_no_time_left(const struct situation *s);     /* ... and what is not done now will not be done */
bool has_led(const struct situation *s);              /* it has been up as the primary since the lock was won */
int64_t renewal_period_ms(const struct situation *s); /* the lock is written again so long after the last write */
int64_t stop_time_ms(const struct situation *s);      /* what a fast stop may take before T (safety.md 3: D) */
bool peers_are_heard(const struct situation *s); /* every other member has answered, or surely does not, just now */
bool peers_are_heard_since(const struct situation *s,
			   struct instant since); /* ... and was asked no earlier than this */
bool all_answered(const struct situation *s,
		  int64_t ms); /* every other member has answered within that time; asked in vain is not enough */
bool peers_need_asking(const struct situation *s); /* ... and will not be for long, without a new question */
bool start_is_too_early(
	const struct situation *s); /* patience after a failure, the cluster is unknown, or the lock goes */
bool bootstrap_goes_on(const struct situation *s);  /* our own, and it is not finished */
bool bootstrap_is_stale(const struct situation *s); /* a bootstrap that is not ours any more */
bool may_clone_anew(const struct situation *s);     /* by the settings, from a leader who answers */
bool is_diverged(enum rejoin rejoin);
/* end.c */
int64_t restart_wait_ms(const struct situation *s); /* until a scheduled restart is due; INT64_MAX: none is */
/* failsafe.c */
bool failsafe_is_due(const struct situation *s);
bool failsafe_bars(const struct situation *s);
/* pause.c */
bool is_guarded_by_people(const struct situation *s);
bool somebody_may_be_unguarded(const struct situation *s);
/* route.c */
bool route_is_due(const struct situation *s); /* the leader looks at its EndpointSlices */
/* The Service may still send new connections here as to the leader: the port of a standby stays closed. Who is refused tries
 * again, who is let in stays and cannot write. */
bool route_leads_here(const struct situation *s);
int64_t route_wait_ms(const struct situation *s); /* until any of them changes; INT64_MAX: nothing is waited for */
/* rollout.c */
int64_t rollout_wait_ms(const struct situation *s); /* INT64_MAX: there is nothing to look at */
/* move.c */
bool peer_is_fit(const struct situation *s,
		 const struct peer_answer *peer); /* it answered just now and could take over from a leader */
bool is_handing_over(const struct situation *s);  /* the lock is ours and goes to somebody else */
bool heir_is_waited_for(
	const struct situation *s); /* nothing of ours can commit any more, and the heir has not everything */
bool move_has_failed(const struct situation *s);  /* it took too long: what was asked for is dropped */
int64_t move_wait_ms(const struct situation *s);  /* until a scheduled one is due; INT64_MAX: none is */
bool is_named(const struct situation *s);         /* a person named us as the next leader */
bool another_is_named(const struct situation *s); /* ... or somebody named another one, who can */
uint64_t my_lsn(const struct situation *s);
bool peer_is_fresh(const struct situation *s, const struct peer_answer *peer); /* it counts: in a race, as an heir */

#endif
