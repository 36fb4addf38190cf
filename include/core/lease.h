/* The lock: what is written, what is seen, whose it is, until when it holds. safety.md rules 1-7 as functions of
 * values.
 *
 * Holder and observers never compare clocks: the holder counts from before it sent the write that is found in the
 * object (struct lease_hold), an observer from when it saw the record change (struct lease_sight). */
#ifndef HOWDAH_CORE_LEASE_H
#define HOWDAH_CORE_LEASE_H

#include "base/time.h"
#include "core/limits.h"

/* The five fields that are the record (contract 1.10). Age belongs to them, not to versions or watches (safety.md L9).
 */
struct lease_record {
	char leader[NAME_SIZE]; /* "": released */
	char acquire_time[TIME_SIZE], renew_time[TIME_SIZE];
	int64_t ttl_s;       /* 0: absent or unreadable */
	int64_t transitions; /* -1: absent or unreadable */
};

/* Whose write it is: name, acquireTime and transitions of a write that this pod made (rule 1). */
struct lease_token {
	char leader[NAME_SIZE]; /* "": none */
	char acquire_time[TIME_SIZE];
	int64_t transitions;
};

/* The leader object as the store shows it. */
struct lease_object {
	bool present;  /* it exists and carries our label */
	bool readable; /* its annotations could be understood */
	char uid[UID_SIZE];
	uint64_t version;        /* resourceVersion; 0: unknown */
	struct instant unbroken; /* since when no change of it can have been missed */
	struct lease_record record;
};

/* What an observer remembers. */
struct lease_sight {
	bool held;        /* a holder was seen and nothing but its own release has freed it since */
	bool given_back;  /* ... and that was told by mouth: the store shows the record still */
	bool missing;     /* there is no object, or none that can be seen */
	bool missed_held; /* ... and somebody may have held it: it counts as held by an unknown one for a whole ttl */
	struct instant missed; /* since when it is missing, and cannot have been there unseen */
	int64_t missed_ttl_s;  /* the ttl that its holder may count on */
	int renewals;          /* seen since restored was set */
	bool restored; /* versions went back, or the object is another one: distrust what else the store says (rule 7)
			*/
	struct lease_record record; /* the last record of a holder */
	struct instant freed;       /* when its holder was last seen to give it up */
	struct instant since;       /* when the five fields were first seen as they are */
	char uid[UID_SIZE];
	uint64_t version, version_seen_max;
};

/* Takes a new look. `default_ttl_s` counts where the record states none. `initialized`: the cluster has had a leader, so that an
 * object that is not there has been deleted; it was not merely never made. */
void lease_look(struct lease_sight *sight, const struct lease_object *object, int64_t default_ttl_s, bool initialized,
		struct instant now);

/* A record as a word between members, by which its holder says that it has given it back: LEASE_TEXT_SIZE; "": no holder. */
enum { LEASE_TEXT_SIZE = NAME_SIZE + 2 * TIME_SIZE + 24 };
void lease_record_to_text(const struct lease_record *record, char *text);
/* The holder itself said so of `given_back`. If that is the record that counts, it is as free as by a release in the store: nothing of
 * the holder can commit, and it writes no lock under it any more. Whoever takes it does so by the version that it saw, so a renewal that
 * landed in between wins. Returns whether that freed it. */
bool lease_hear(struct lease_sight *sight, const char *given_back, struct instant now);

struct lease_token lease_token_of(const struct lease_record *record);
bool lease_token_matches(const struct lease_token *token, const struct lease_record *record);
void lease_token_to_text(const struct lease_token *token, char *text, size_t size);
MUST_CHECK bool lease_token_from_text(struct lease_token *token, const char *text);

/* Whether somebody (or an incarnation of our name that is not us) must be taken to hold it still: the record's whole
 * ttl has not passed on the slower clock. */
bool lease_is_taken(const struct lease_sight *sight, const struct lease_token *mine, struct instant now);

/* How long until it expires for an observer; 0 when it is free or has expired. */
int64_t lease_left_ms(const struct lease_sight *sight, struct instant now);

/* For how long it has been free, at least; below 0: it is held. INT64_MAX: no holder was ever seen, and none can have been missed. */
int64_t lease_free_ms(const struct lease_sight *sight, struct instant now);

/* One send of a lock write. Every send has its own renewTime and its own start, also when the store repeats one (rule
 * 3). */
struct lease_send {
	struct lease_token token;
	char renew_time[TIME_SIZE];
	struct instant start; /* before the first byte left */
	int64_t ttl_ms;
};

enum { LEASE_SENDS_MAX = 16 };

/* The last sends, oldest overwritten: what an object may still turn out to carry. */
struct lease_sends {
	int next;
	struct lease_send sends[LEASE_SENDS_MAX];
};

/* What the holder knows of its own write that is found in the object. */
struct lease_hold {
	struct lease_token token; /* leader "": no lease */
	struct instant start;     /* of the send that is in the object; unset when the lease was resumed from an earlier
				     agent of this pod and not renewed yet */
	int64_t ttl_ms;           /* of that record */
	struct instant extended;  /* start of the failsafe round in which every member agreed; unset: none */
	int64_t extended_ms;      /* for how long they stand back */
	struct instant
		cap; /* T is not later than this while a write that lowers the ttl may be on its way; unset: none */
};

void lease_sends_add(struct lease_sends *sends, const struct lease_send *send);

/* Finds the send that the record came from and credits it. A record of the present token whose send is not known
 * (restored from an older state) changes nothing. Returns whether hold changed. */
bool lease_credit(struct lease_hold *hold, const struct lease_sends *sends, const struct lease_record *record);

/* T: until when we may be writable: start + ttl - margin, never after the cap (safety.md 3). Unset without a lease or
 * with an unknown start. */
struct instant lease_deadline(const struct lease_hold *hold);

/* Every member agreed to stand back for so long, counted from before the first was asked; ends with the next credited send. */
void lease_extend(struct lease_hold *hold, struct instant start, int64_t ms);
/* After a credit: whether it was of the lease that we had before. What was agreed then goes on, if it is covered: the record names nobody
 * who has not agreed. */
bool lease_credit_goes_on(struct lease_hold *hold, const struct lease_hold *before, const struct lease_record *record,
			  bool covered);

/* Rule 2: to be called before a write with a lower ttl is sent; the supervisor must have acknowledged the new T before
 * it leaves. Clears itself when a later send is credited. */
void lease_cap(struct lease_hold *hold, int64_t new_ttl_ms, struct instant now);

#endif
