/* The lock as values: what an observer may believe, what a holder may count on (safety.md rules 1-7, sections S1-S6). */
#include "core/lease.h"
#include "core/settings.h"

#include "base/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct instant at(double seconds)
{
	int64_t us = (int64_t)(seconds * 1e6) + 1000000;
	return (struct instant){ us, us };
}

static struct lease_object object(const char *leader, const char *renew, uint64_t version)
{
	struct lease_object o = { .present = true, .readable = true, .uid = "uid-1", .version = version };
	text_copy(o.record.leader, sizeof(o.record.leader), leader);
	text_copy(o.record.acquire_time, sizeof(o.record.acquire_time), leader[0] != '\0' ? "acquired" : "");
	text_copy(o.record.renew_time, sizeof(o.record.renew_time), renew);
	o.record.ttl_s = 30;
	o.record.transitions = 3;
	return o;
}

static struct lease_token token(const char *leader)
{
	struct lease_token t = { .acquire_time = "acquired", .transitions = 3 };
	text_copy(t.leader, sizeof(t.leader), leader);
	return t;
}

static const struct lease_token nobody;

static void look(struct lease_sight *sight, struct lease_object o, double when)
{
	lease_look(sight, &o, 30, true, at(when));
}

static void a_record_counts_from_when_it_was_seen_to_change(void **state)
{
	(void)state;
	struct lease_sight s = { .held = false };
	look(&s, object("a", "1", 10), 0);
	look(&s, object("a", "1", 11), 20); /* somebody annotated the object: the five fields did not change */
	assert_true(lease_is_taken(&s, &nobody, at(29.9)));
	assert_false(lease_is_taken(&s, &nobody, at(30.1)));
	look(&s, object("a", "2", 12), 25);
	assert_true(lease_is_taken(&s, &nobody, at(54.9)));
}

static void only_the_holders_own_release_frees_it_at_once(void **state)
{
	(void)state;
	struct lease_sight s = { .held = false };
	look(&s, object("a", "1", 10), 0);
	look(&s, object("", "1", 11), 5);
	assert_false(lease_is_taken(&s, &nobody, at(5)));
}

static void a_deleted_object_waits_out_its_ttl(void **state)
{
	(void)state;
	struct lease_sight s = { .held = false };
	struct lease_object gone = { .present = false };
	look(&s, object("a", "1", 10), 0);
	look(&s, gone, 5);
	assert_true(lease_is_taken(&s, &nobody, at(34.9)));
	assert_false(lease_is_taken(&s, &nobody, at(35.1)));
}

static void an_object_that_is_gone_may_have_been_somebody_elses_since(void **state)
{
	(void)state;
	struct lease_sight s = { .held = false }, first = { .held = false }, new_cluster = { .held = false };
	struct lease_object gone = { .present = false };
	look(&s, object("a", "1", 10), 0);
	look(&s, gone, 100); /* cut off for long: others may have led, and their record went with the object */
	assert_true(lease_is_taken(&s, &nobody, at(129)));
	assert_false(lease_is_taken(&s, &nobody, at(131)));
	look(&first, gone, 0); /* a process that begins: the cluster is initialized, so somebody has led */
	assert_true(lease_is_taken(&first, &nobody, at(29)));
	lease_look(&new_cluster, &gone, 30, false, at(0));
	assert_false(lease_is_taken(&new_cluster, &nobody, at(0)));
}

static void while_nobody_looked_an_object_may_have_come_and_gone(void **state)
{
	(void)state;
	struct lease_sight s = { .held = false };
	struct lease_object gone = { .present = false, .unbroken = at(1) };
	look(&s, object("a", "1", 10), 0);
	look(&s, gone, 5);
	look(&s, gone, 100);
	assert_false(lease_is_taken(&s, &nobody, at(100)));
	gone.unbroken = at(110); /* not heard for a while: the next LIST shows nothing, either */
	look(&s, gone, 111);
	look(&s, gone, 120);
	assert_true(lease_is_taken(&s, &nobody, at(140.9)));
	assert_false(lease_is_taken(&s, &nobody, at(141.1)));
}

static void an_unreadable_object_waits_out_its_ttl(void **state)
{
	(void)state;
	struct lease_sight s = { .held = false };
	struct lease_object garbage = object("", "", 11);
	garbage.readable = false;
	look(&s, object("a", "1", 10), 0);
	look(&s, garbage, 5);
	assert_true(lease_is_taken(&s, &nobody, at(29)));
}

static void an_older_or_other_object_without_a_leader_frees_nothing(void **state)
{
	(void)state;
	struct lease_sight s = { .held = false };
	look(&s, object("a", "1", 10), 0);
	look(&s, object("", "0", 7), 5); /* a backup from before anybody led */
	assert_true(lease_is_taken(&s, &nobody, at(29)));
	assert_true(s.restored);
	struct lease_sight other = { .held = false };
	struct lease_object o = object("", "0", 12);
	text_copy(o.uid, sizeof(o.uid), "uid-2");
	look(&other, object("a", "1", 10), 0);
	look(&other, o, 5);
	assert_true(lease_is_taken(&other, &nobody, at(29)));
	assert_true(other.restored);
}

static void a_holder_that_goes_on_renewing_ends_the_distrust(void **state)
{
	(void)state;
	struct lease_sight s = { .held = false };
	look(&s, object("a", "1", 10), 0);
	struct lease_object o = object("a", "2", 20);
	text_copy(o.uid, sizeof(o.uid), "uid-2"); /* deleted, and written again by its holder */
	look(&s, o, 5);
	assert_true(s.restored);
	for (int i = 3; i < 6; i++) {
		o.version++;
		o.record.renew_time[0] = (char)('0' + i);
		look(&s, o, 5 + i);
	}
	assert_false(s.restored);
}

static void an_object_never_seen_held_is_free(void **state)
{
	(void)state;
	struct lease_sight s = { .held = false };
	look(&s, object("", "", 1), 0);
	assert_false(lease_is_taken(&s, &nobody, at(0)));
	assert_int_equal(lease_left_ms(&s, at(0)), 0);
}

static void observers_believe_the_slower_clock_and_holders_the_faster(void **state)
{
	(void)state;
	struct lease_sight s = { .held = false };
	look(&s, object("a", "1", 10), 0);
	struct instant skewed = { at(31).boot_us, at(20).raw_us };
	assert_true(lease_is_taken(&s, &nobody, skewed));
	struct lease_hold h = { .token = token("a"), .start = at(0), .ttl_ms = 30000 };
	struct instant t = lease_deadline(&h);
	assert_true(left_least_ms(t, skewed) < 0);
	assert_int_equal(left_least_ms(t, at(20)), 6000); /* 30 - (1 + 3) - 20 */
}

static void my_name_alone_is_a_stranger(void **state)
{
	(void)state;
	struct lease_sight s = { .held = false };
	look(&s, object("a", "1", 10), 0);
	struct lease_token mine = token("a");
	assert_false(lease_is_taken(&s, &mine, at(1)));
	mine.transitions = 2;
	assert_true(lease_is_taken(&s, &mine, at(1)));
	mine = token("a");
	text_copy(mine.acquire_time, sizeof(mine.acquire_time), "last week");
	assert_true(lease_is_taken(&s, &mine, at(1)));
}

static struct lease_send send(const char *renew, double start, int64_t ttl_ms)
{
	struct lease_send x = { .token = token("a"), .start = at(start), .ttl_ms = ttl_ms };
	text_copy(x.renew_time, sizeof(x.renew_time), renew);
	return x;
}

static void success_counts_from_the_send_that_is_in_the_object(void **state)
{
	(void)state;
	struct lease_sends sends = { .next = 0 };
	struct lease_hold h = { .ttl_ms = 0 };
	struct lease_send first = send("1", 0, 30000), again = send("2", 9, 30000);
	lease_sends_add(&sends, &first);
	lease_sends_add(&sends, &again);
	struct lease_object o = object("a", "1", 10);
	assert_true(lease_credit(&h, &sends, &o.record));
	assert_int_equal(lease_deadline(&h).boot_us, at(26).boot_us);
	assert_false(lease_credit(&h, &sends, &o.record));
	o = object("a", "2", 11);
	assert_true(lease_credit(&h, &sends, &o.record));
	assert_int_equal(lease_deadline(&h).boot_us, at(35).boot_us);
	o = object("a", "1", 12); /* an older state of the object: what is known does not shrink, and does not grow */
	assert_false(lease_credit(&h, &sends, &o.record));
	assert_int_equal(lease_deadline(&h).boot_us, at(35).boot_us);
}

static void an_agreement_outlives_a_credit_of_the_same_lease_that_names_nobody_else(void **state)
{
	(void)state;
	struct lease_hold before = { .token = token("a"), .start = at(0), .ttl_ms = 30000 };
	struct lease_object same = object("a", "2", 11), other = object("b", "2", 11);
	lease_extend(&before, at(5), 40000);
	struct lease_hold h = { .token = token("a"), .start = at(2), .ttl_ms = 30000 };
	assert_true(lease_credit_goes_on(&h, &before, &same.record, false));
	assert_false(instant_is_set(h.extended));
	assert_true(lease_credit_goes_on(&h, &before, &same.record, true));
	assert_int_equal(h.extended.boot_us, at(5).boot_us);
	assert_int_equal(h.extended_ms, 40000);
	h = (struct lease_hold){ .token = token("b"), .start = at(2), .ttl_ms = 30000 };
	assert_false(lease_credit_goes_on(&h, &before, &other.record, true)); /* a lease that was won anew */
	assert_false(instant_is_set(h.extended));
}

static void a_record_of_no_send_of_ours_gives_nothing(void **state)
{
	(void)state;
	struct lease_sends sends = { .next = 0 };
	struct lease_hold h = { .ttl_ms = 0 };
	struct lease_send mine = send("1", 0, 30000);
	lease_sends_add(&sends, &mine);
	struct lease_object other = object("b", "1", 10);
	assert_false(lease_credit(&h, &sends, &other.record));
	assert_false(instant_is_set(lease_deadline(&h)));
}

static void a_lowered_ttl_lowers_the_deadline_before_it_is_written(void **state)
{
	(void)state;
	struct lease_sends sends = { .next = 0 };
	struct lease_hold h = { .token = token("a"), .start = at(0), .ttl_ms = 120000 };
	assert_int_equal(lease_deadline(&h).boot_us, at(120 - 13).boot_us);
	lease_cap(&h, 30000, at(10));
	assert_int_equal(lease_deadline(&h).boot_us, at(36).boot_us);
	struct lease_send high = send("1", 5, 120000), low = send("2", 10.1, 30000);
	lease_sends_add(&sends, &high);
	lease_sends_add(&sends, &low);
	struct lease_object o = object("a", "1", 10);
	assert_true(lease_credit(&h, &sends, &o.record)); /* the low one may still land: the cap stays */
	assert_int_equal(lease_deadline(&h).boot_us, at(36).boot_us);
	o = object("a", "2", 11);
	assert_true(lease_credit(&h, &sends, &o.record));
	assert_int_equal(lease_deadline(&h).boot_us, at(36.1).boot_us);
}

static void a_token_survives_as_text(void **state)
{
	(void)state;
	char text[96];
	struct lease_token t = token("shop-0"), back;
	lease_token_to_text(&t, text, sizeof(text));
	assert_true(lease_token_from_text(&back, text));
	assert_string_equal(back.leader, t.leader);
	assert_string_equal(back.acquire_time, t.acquire_time);
	assert_int_equal(back.transitions, t.transitions);
	assert_false(lease_token_from_text(&back, ""));
	assert_false(lease_token_from_text(&back, "a b"));
	assert_false(lease_token_from_text(&back, "a b c"));
}

static void what_its_holder_says_frees_the_record_that_it_says_it_of(void **state)
{
	(void)state;
	char held[LEASE_TEXT_SIZE], renewed[LEASE_TEXT_SIZE];
	struct lease_object o = object("a", "1", 10), later = object("a", "2", 12);
	struct lease_sight s = { .held = false };
	lease_record_to_text(&o.record, held);
	lease_record_to_text(&later.record, renewed);
	assert_false(lease_hear(&s, "", at(0))); /* nothing was ever seen */
	look(&s, o, 0);
	assert_false(lease_hear(&s, "", at(1)));
	assert_false(lease_hear(&s, renewed, at(1))); /* not the record that counts here */
	assert_true(lease_is_taken(&s, &nobody, at(1)));
	assert_true(lease_hear(&s, held, at(2)));
	assert_false(lease_is_taken(&s, &nobody, at(2)));
	assert_true(instant_is_set(s.freed));
	look(&s, object("a", "1", 11), 3); /* the store shows it still: somebody annotated the object */
	assert_false(lease_is_taken(&s, &nobody, at(3)));
	assert_false(lease_hear(&s, held, at(3)));
	look(&s, later, 4); /* it was renewed before anybody took it: that counts */
	assert_true(lease_is_taken(&s, &nobody, at(33)));
	assert_false(lease_hear(&s, held, at(5)));
	look(&s, object("b", "3", 13), 6);
	look(&s, object("a", "1", 10), 7); /* restored: it is a holder's that nobody has heard from */
	assert_true(lease_is_taken(&s, &nobody, at(36)));
}

static void the_margin_keeps_a_holder_ahead_of_every_observer(void **state)
{
	(void)state;
	for (int64_t ttl_ms = 5000; ttl_ms <= 300000; ttl_ms += 1000) {
		double r = (double)ttl_ms / 1000, e = 0.0005, stall_and_kill = 0.55;
		double dead = (r - (double)lease_margin_ms(ttl_ms) / 1000) / (1 - e) + stall_and_kill;
		assert_true(dead <= r / (1 + e));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_counts_from_when_it_was_seen_to_change),
		cmocka_unit_test(only_the_holders_own_release_frees_it_at_once),
		cmocka_unit_test(a_deleted_object_waits_out_its_ttl),
		cmocka_unit_test(an_object_that_is_gone_may_have_been_somebody_elses_since),
		cmocka_unit_test(while_nobody_looked_an_object_may_have_come_and_gone),
		cmocka_unit_test(an_unreadable_object_waits_out_its_ttl),
		cmocka_unit_test(an_older_or_other_object_without_a_leader_frees_nothing),
		cmocka_unit_test(a_holder_that_goes_on_renewing_ends_the_distrust),
		cmocka_unit_test(an_object_never_seen_held_is_free),
		cmocka_unit_test(observers_believe_the_slower_clock_and_holders_the_faster),
		cmocka_unit_test(my_name_alone_is_a_stranger),
		cmocka_unit_test(success_counts_from_the_send_that_is_in_the_object),
		cmocka_unit_test(an_agreement_outlives_a_credit_of_the_same_lease_that_names_nobody_else),
		cmocka_unit_test(a_record_of_no_send_of_ours_gives_nothing),
		cmocka_unit_test(a_lowered_ttl_lowers_the_deadline_before_it_is_written),
		cmocka_unit_test(a_token_survives_as_text),
		cmocka_unit_test(what_its_holder_says_frees_the_record_that_it_says_it_of),
		cmocka_unit_test(the_margin_keeps_a_holder_ahead_of_every_observer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
