#include "core/lease.h"

#include "base/mutant.h"
#include "base/strbuf.h"
#include "core/settings.h"

#include <string.h>

static bool same_record(const struct lease_record *a, const struct lease_record *b)
{
	return strcmp(a->leader, b->leader) == 0 && strcmp(a->acquire_time, b->acquire_time) == 0 &&
	       strcmp(a->renew_time, b->renew_time) == 0 && a->ttl_s == b->ttl_s && a->transitions == b->transitions;
}

static bool is_set(const struct lease_token *token)
{
	return token->leader[0] != '\0';
}

/* Only the holder's own release frees a lock that was seen held: same object, not an older state of it, no leader in it (rule 7). */
static bool is_release(const struct lease_sight *sight, const struct lease_object *object)
{
	return object->present && object->readable && object->record.leader[0] == '\0' &&
	       strcmp(object->uid, sight->uid) == 0 && object->version >= sight->version_seen_max;
}

/* Somebody whose record we cannot see may hold the lock, from now on for as long as the longest ttl that we know of. */
static void count_unknown(struct lease_sight *sight, int64_t ttl_s, struct instant now)
{
	sight->missed = now;
	sight->missed_held = true;
	sight->missed_ttl_s = sight->held && sight->record.ttl_s > ttl_s ? sight->record.ttl_s : ttl_s;
}

static void remember_object(struct lease_sight *sight, const struct lease_object *object, int64_t default_ttl_s,
			    struct instant now)
{
	bool other = sight->uid[0] != '\0' && strcmp(object->uid, sight->uid) != 0;
	bool back = object->version < sight->version_seen_max;
	if (other || back) {
		sight->restored = true;
		sight->renewals = 0;
	}
	if (other || (back && object->version != sight->version))
		count_unknown(sight, object->record.ttl_s > default_ttl_s ? object->record.ttl_s : default_ttl_s, now);
	text_copy(sight->uid, sizeof(sight->uid), object->uid);
	/* after a step back only what is written from then on counts as anybody's word */
	if (!other && object->version < sight->version_seen_max && object->version != sight->version)
		sight->version_seen_max = object->version + 1;
	else if (other || object->version > sight->version_seen_max)
		sight->version_seen_max = object->version;
	sight->version = object->version;
}

/* Whoever made the object that is gone may have written it a moment before, unseen by us. One that was missing already may have been
 * made, held and deleted while we did not hear of it. */
static void look_at_nothing(struct lease_sight *sight, struct instant unbroken, int64_t default_ttl_s, bool initialized,
			    struct instant now)
{
	bool missed_more = unbroken.boot_us > sight->missed.boot_us && !mutant(48);
	if (sight->missing && !missed_more)
		return;
	sight->missing = true;
	sight->missed = now;
	if (sight->version_seen_max != 0 || initialized)
		count_unknown(sight, default_ttl_s, now);
	sight->version = 0;
}

void lease_look(struct lease_sight *sight, const struct lease_object *object, int64_t default_ttl_s, bool initialized,
		struct instant now)
{
	bool freed = is_release(sight, object);
	uint64_t version_before = sight->version;
	if (mutant(12) && !object->present)
		freed = true;
	else if (!object->present)
		look_at_nothing(sight, object->unbroken, default_ttl_s, initialized, now);
	if (object->present && sight->missing)
		sight->missing = sight->missed_held = false;
	if (object->present)
		remember_object(sight, object, default_ttl_s, now);
	if (freed) {
		if (sight->held)
			sight->freed = now;
		sight->held = sight->given_back = false;
		return;
	}
	if (!object->present || !object->readable || object->record.leader[0] == '\0')
		return; /* deleted, relabelled, unreadable, restored: what was seen last counts on */
	struct lease_record record = object->record;
	if (record.ttl_s <= 0)
		record.ttl_s = default_ttl_s;
	if (mutant(8))
		record.ttl_s = default_ttl_s;
	bool same = same_record(&sight->record, &record) && !(mutant(30) && object->version != version_before);
	if ((sight->held || sight->given_back) && same)
		return;
	/* a holder that goes on renewing makes what the store says its own again */
	bool renewed = sight->held && strcmp(sight->record.acquire_time, record.acquire_time) == 0;
	if (sight->restored && renewed && ++sight->renewals >= 2)
		sight->restored = false;
	sight->held = true;
	sight->given_back = false;
	sight->record = record;
	sight->since = now;
}

void lease_record_to_text(const struct lease_record *record, char *text)
{
	struct strbuf b;
	strbuf_init(&b, text, LEASE_TEXT_SIZE);
	if (record->leader[0] != '\0')
		strbuf_addf(&b, "%s %s %lld %s", record->leader, record->acquire_time, (long long)record->transitions,
			    record->renew_time);
}

bool lease_hear(struct lease_sight *sight, const char *given_back, struct instant now)
{
	char text[LEASE_TEXT_SIZE];
	lease_record_to_text(&sight->record, text);
	if (!sight->held || text[0] == '\0' || strcmp(text, given_back) != 0)
		return false;
	sight->held = false;
	sight->given_back = true;
	sight->freed = now;
	return true;
}

struct lease_token lease_token_of(const struct lease_record *record)
{
	struct lease_token token = { .transitions = record->transitions };
	text_copy(token.leader, sizeof(token.leader), record->leader);
	text_copy(token.acquire_time, sizeof(token.acquire_time), record->acquire_time);
	return token;
}

bool lease_token_matches(const struct lease_token *token, const struct lease_record *record)
{
	if (mutant(11))
		return is_set(token) && strcmp(token->leader, record->leader) == 0;
	return is_set(token) && strcmp(token->leader, record->leader) == 0 &&
	       strcmp(token->acquire_time, record->acquire_time) == 0 && token->transitions == record->transitions;
}

void lease_token_to_text(const struct lease_token *token, char *text, size_t size)
{
	struct strbuf b;
	strbuf_init(&b, text, size);
	if (is_set(token))
		strbuf_addf(&b, "%s %s %lld", token->leader, token->acquire_time, (long long)token->transitions);
}

static bool take_word(const char **p, char *word, size_t size)
{
	size_t len = strcspn(*p, " ");
	if (len == 0 || len >= size)
		return false;
	memcpy(word, *p, len);
	word[len] = '\0';
	*p += len + ((*p)[len] == ' ');
	return true;
}

bool lease_token_from_text(struct lease_token *token, const char *text)
{
	struct lease_token t = { .leader = "" };
	const char *p = text;
	if (!take_word(&p, t.leader, sizeof(t.leader)) || !take_word(&p, t.acquire_time, sizeof(t.acquire_time)))
		return false;
	if (!text_to_i64(p, &t.transitions))
		return false;
	*token = t;
	return true;
}

int64_t lease_left_ms(const struct lease_sight *sight, struct instant now)
{
	int64_t seen = sight->held ? sight->record.ttl_s * 1000 - elapsed_least_ms(sight->since, now) : 0;
	int64_t unseen = sight->missed_held ? sight->missed_ttl_s * 1000 - elapsed_least_ms(sight->missed, now) : 0;
	int64_t left = seen > unseen ? seen : unseen;
	return left > 0 ? left : 0;
}

int64_t lease_free_ms(const struct lease_sight *sight, struct instant now)
{
	int64_t seen = INT64_MAX, unseen = INT64_MAX;
	if (sight->held)
		seen = elapsed_least_ms(sight->since, now) - sight->record.ttl_s * 1000;
	else if (instant_is_set(sight->freed))
		seen = elapsed_least_ms(sight->freed, now);
	if (sight->missed_held)
		unseen = elapsed_least_ms(sight->missed, now) - sight->missed_ttl_s * 1000;
	return seen < unseen ? seen : unseen;
}

bool lease_is_taken(const struct lease_sight *sight, const struct lease_token *mine, struct instant now)
{
	if (sight->held && lease_token_matches(mine, &sight->record))
		return false;
	return (sight->held || sight->missed_held) && lease_left_ms(sight, now) > 0;
}

void lease_sends_add(struct lease_sends *sends, const struct lease_send *send)
{
	sends->sends[sends->next] = *send;
	sends->next = (sends->next + 1) % LEASE_SENDS_MAX;
}

/* A later send with a lower ttl may still land: the cap that was set for it stays. */
static bool lower_send_after(const struct lease_sends *sends, const struct lease_send *credited)
{
	for (int i = 0; i < LEASE_SENDS_MAX; i++) {
		const struct lease_send *send = &sends->sends[i];
		if (is_set(&send->token) && send->start.boot_us > credited->start.boot_us &&
		    send->ttl_ms < credited->ttl_ms)
			return true;
	}
	return false;
}

bool lease_credit(struct lease_hold *hold, const struct lease_sends *sends, const struct lease_record *record)
{
	for (int i = 0; i < LEASE_SENDS_MAX; i++) {
		const struct lease_send *send = &sends->sends[i];
		if (!lease_token_matches(&send->token, record) || strcmp(send->renew_time, record->renew_time) != 0)
			continue;
		bool known = lease_token_matches(&hold->token, record) && instant_is_set(hold->start) &&
			     hold->start.boot_us >= send->start.boot_us;
		if (known)
			return false;
		struct instant cap = lower_send_after(sends, send) ? hold->cap : (struct instant){ 0, 0 };
		*hold = (struct lease_hold){
			.token = send->token, .start = send->start, .ttl_ms = send->ttl_ms, .cap = cap
		};
		return true;
	}
	return false;
}

static struct instant earlier(struct instant a, struct instant b)
{
	return (struct instant){ a.boot_us < b.boot_us ? a.boot_us : b.boot_us,
				 a.raw_us < b.raw_us ? a.raw_us : b.raw_us };
}

static int64_t span_ms(int64_t ttl_ms)
{
	if (mutant(6))
		return ttl_ms - 1000;
	return ttl_ms - lease_margin_ms(ttl_ms);
}

struct instant lease_deadline(const struct lease_hold *hold)
{
	if (!is_set(&hold->token) || !instant_is_set(hold->start))
		return (struct instant){ 0, 0 };
	struct instant t = instant_after_ms(hold->start, span_ms(hold->ttl_ms));
	if (instant_is_set(hold->cap))
		t = earlier(t, hold->cap);
	if (!instant_is_set(hold->extended))
		return t;
	/* two holds of others: the record's, and the one that they agreed to */
	struct instant e = instant_after_ms(hold->extended, span_ms(hold->extended_ms));
	return (struct instant){ t.boot_us > e.boot_us ? t.boot_us : e.boot_us,
				 t.raw_us > e.raw_us ? t.raw_us : e.raw_us };
}

void lease_extend(struct lease_hold *hold, struct instant start, int64_t ms)
{
	hold->extended = start;
	hold->extended_ms = ms;
}

bool lease_credit_goes_on(struct lease_hold *hold, const struct lease_hold *before, const struct lease_record *record,
			  bool covered)
{
	if (!lease_token_matches(&before->token, record))
		return false;
	if (instant_is_set(before->extended) && covered)
		lease_extend(hold, before->extended, before->extended_ms);
	return true;
}

void lease_cap(struct lease_hold *hold, int64_t new_ttl_ms, struct instant now)
{
	struct instant cap = instant_after_ms(now, span_ms(new_ttl_ms));
	hold->cap = instant_is_set(hold->cap) ? earlier(hold->cap, cap) : cap;
}
