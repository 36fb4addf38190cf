/* Whose slots a primary keeps. */
#include "base/strbuf.h"
#include "core/slots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { TTL_MS = 1800 * 1000 };

static struct kept_slots kept;
static struct cluster cluster;

static struct instant at(int seconds)
{
	return (struct instant){ seconds * 1000000LL, seconds * 1000000LL };
}

static void members(int count)
{
	cluster.member_count = count;
	for (int i = 0; i < count; i++)
		snprintf(cluster.members[i].name, NAME_SIZE, "my-shop-%d", i);
}

static void looked(int replicas, int second)
{
	cluster.set =
		(struct wanted_set){ .known = true, .replicas = replicas, .looked = at(second), .name = "my-shop" };
}

static void turn(int second)
{
	kept_slots_turn(&kept, &cluster, "my-shop-0", TTL_MS, at(second));
}

/* The names that are not over, in order. */
static const char *wanted(void)
{
	static char text[1024];
	struct strbuf b;
	strbuf_init(&b, text, sizeof(text));
	for (int i = 0; i < kept.count; i++)
		if (!kept.list[i].over)
			strbuf_addf(&b, "%s ", kept.list[i].name);
	return text;
}

static int begin(void **state)
{
	(void)state;
	kept = (struct kept_slots){ .count = 0 };
	memset(&cluster, 0, sizeof(cluster));
	members(4);
	turn(1);
	return 0;
}

static void the_members_that_are_there_have_slots_but_not_ourselves(void **state)
{
	(void)state;
	assert_string_equal(wanted(), "my_shop_1 my_shop_2 my_shop_3 ");
	cluster.members[2].nostream = true;
	turn(2);
	assert_string_equal(wanted(), "my_shop_1 my_shop_3 ");
}

static void a_member_that_is_away_keeps_its_slot_for_a_while(void **state)
{
	(void)state;
	members(3);
	turn(1800);
	assert_string_equal(wanted(), "my_shop_1 my_shop_2 my_shop_3 ");
	turn(1801);
	assert_string_equal(wanted(), "my_shop_1 my_shop_2 ");
	assert_int_equal(kept.count, 3); /* remembered until the server has dropped it */
	kept_slots_remove(&kept, "my_shop_3");
	assert_int_equal(kept.count, 2);
}

static void a_member_that_comes_back_in_time_never_lost_its_slot(void **state)
{
	(void)state;
	members(3);
	turn(1000);
	members(4);
	turn(1001);
	members(3);
	turn(2000);
	assert_string_equal(wanted(), "my_shop_1 my_shop_2 my_shop_3 ");
}

static void one_that_was_scaled_away_loses_it_once_the_set_says_so(void **state)
{
	(void)state;
	members(3);
	looked(4, 5);
	turn(6);
	assert_string_equal(wanted(), "my_shop_1 my_shop_2 my_shop_3 ");
	looked(3, 7);
	turn(8);
	assert_string_equal(wanted(), "my_shop_1 my_shop_2 ");
}

static void an_older_look_at_the_set_does_not_count(void **state)
{
	(void)state;
	looked(3, 2); /* then it was scaled up, and the new member was there */
	turn(10);
	members(3);
	turn(11);
	assert_string_equal(wanted(), "my_shop_1 my_shop_2 my_shop_3 ");
}

static void a_set_may_count_from_another_number(void **state)
{
	(void)state;
	members(3);
	looked(3, 7);
	cluster.set.first = 1;
	turn(8);
	assert_non_null(strstr(wanted(), "my_shop_3"));
	cluster.set.first = 0;
	turn(9);
	assert_null(strstr(wanted(), "my_shop_3"));
}

static void names_of_others_are_no_pods_of_the_set(void **state)
{
	(void)state;
	static const char *const names[] = { "my_shop_", "my_shop_x9", "my_shop9", "other_9", "my_shop_99999999999" };
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		kept_slots_see(&kept, names[i], at(1));
	looked(3, 7);
	turn(8);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_non_null(strstr(wanted(), names[i]));
}

static void without_room_the_one_that_was_away_for_longest_goes(void **state)
{
	(void)state;
	char name[NAME_SIZE];
	for (int i = 0; i < MEMBERS_MAX + 3; i++) {
		snprintf(name, sizeof(name), "another_%d", i);
		kept_slots_see(&kept, name, at(10 + i));
	}
	assert_int_equal(kept.count, MEMBERS_MAX);
	assert_null(strstr(wanted(), "another_2 "));
	assert_non_null(strstr(wanted(), "another_3 "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_members_that_are_there_have_slots_but_not_ourselves, begin),
		cmocka_unit_test_setup(a_member_that_is_away_keeps_its_slot_for_a_while, begin),
		cmocka_unit_test_setup(a_member_that_comes_back_in_time_never_lost_its_slot, begin),
		cmocka_unit_test_setup(one_that_was_scaled_away_loses_it_once_the_set_says_so, begin),
		cmocka_unit_test_setup(an_older_look_at_the_set_does_not_count, begin),
		cmocka_unit_test_setup(a_set_may_count_from_another_number, begin),
		cmocka_unit_test_setup(names_of_others_are_no_pods_of_the_set, begin),
		cmocka_unit_test_setup(without_room_the_one_that_was_away_for_longest_goes, begin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
