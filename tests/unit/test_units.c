/* Spellings of numbers, booleans, positions and times. */
#include "codec/network.h"
#include "codec/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void booleans_have_eight_spellings(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool ok, value;
	} cases[] = {
		{ "on", true, true },   { "TRUE", true, true },     { "Yes", true, true },   { "1", true, true },
		{ "off", true, false }, { "False", true, false },   { "nO", true, false },   { "0", true, false },
		{ "", false, false },   { "quorum", false, false }, { " on", false, false }, { "2", false, false },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool value = false;
		assert_int_equal(units_bool(cases[i].text, &value), cases[i].ok);
		assert_int_equal(value, cases[i].value);
	}
}

static void integers_take_units(void **state)
{
	(void)state;
	static const struct {
		const char *text, *base;
		bool ok;
		int64_t value;
	} cases[] = {
		{ "1", NULL, true, 1 },
		{ " -5 ", NULL, true, -5 },
		{ " 0x400 MB ", "16384kB", true, 64 },
		{ "010", NULL, true, 8 },
		{ "1MB", "kB", true, 1024 },
		{ "1000 ms", "s", true, 1 },
		{ "1500ms", "s", true, 2 },
		{ "30min", "s", true, 1800 },
		{ "1d", "min", true, 1440 },
		{ "6GB", "16MB", true, 384 },
		{ "4097.4kB", "kB", true, 4097 },
		{ "4097.5kB", "kB", true, 4098 },
		{ "1.5e3", NULL, true, 1500 },
		{ ".5kB", "B", true, 512 },
		{ "1TB", "B", true, 1099511627776 },
		{ "64MB", "8kB", true, 8192 },
		{ "9223372036854775807", NULL, true, INT64_MAX },
		{ "9223372036854775808", NULL, false, 0 },
		{ "99999999TB", "B", false, 0 },
		{ "1kB", NULL, false, 0 },
		{ "1kB", "s", false, 0 },
		{ "1KB", "kB", false, 0 },
		{ "10O", NULL, false, 0 },
		{ "nonsense", "kB", false, 0 },
		{ "", NULL, false, 0 },
		{ "inf", NULL, false, 0 },
		{ "nan", NULL, false, 0 },
		{ "1 2", NULL, false, 0 },
		{ "08", NULL, false, 0 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t value = 0;
		if (units_int(cases[i].text, cases[i].base, &value) != cases[i].ok || value != cases[i].value)
			fail_msg("\"%s\" in %s: %lld", cases[i].text, cases[i].base, (long long)value);
	}
}

static void positions_go_both_ways(void **state)
{
	(void)state;
	char text[24];
	uint64_t lsn = 0;
	assert_true(lsn_from_text("3/A1004F20", &lsn));
	assert_true(lsn == 0x3a1004f20);
	lsn_to_text(lsn, text, sizeof(text));
	assert_string_equal(text, "3/A1004F20");
	assert_true(lsn_from_text("ffffffff/ffffffff", &lsn));
	assert_true(lsn == UINT64_MAX);
	static const char *const bad[] = { "",    "/",    "1/",   "/1",  "1", "123456789/0", "0/123456789",
					   "1/G", " 1/1", "1/1 ", "1/-1" };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(lsn_from_text(bad[i], &lsn));
}

static void times_are_written_as_the_contract_says(void **state)
{
	(void)state;
	char text[40];
	wall_to_iso(1795385197699424, text, sizeof(text));
	assert_string_equal(text, "2026-11-22T22:06:37.699424+00:00");
	wall_to_iso(1795385197000000, text, sizeof(text));
	assert_string_equal(text, "2026-11-22T22:06:37+00:00");
	wall_to_iso(-1, text, sizeof(text));
	assert_string_equal(text, "1969-12-31T23:59:59.999999+00:00");
}

static void times_are_read(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool ok;
		int64_t us;
	} cases[] = {
		{ "2026-11-22T22:06:37.699424+00:00", true, 1795385197699424 },
		{ "2026-11-22 22:06:37.699424+00:00", true, 1795385197699424 },
		{ "2026-11-23T00:06:37+02", true, 1795385197000000 },
		{ "2026-11-22T16:36:37-0530", true, 1795385197000000 },
		{ "2026-11-22T22:06:37Z", true, 1795385197000000 },
		{ "2026-11-22T22:06:37.5Z", true, 1795385197500000 },
		{ "2026-11-22T22:06Z", true, 1795385160000000 },
		{ "1970-01-01T00:00:00.1234567Z", true, 123456 },
		{ "2024-02-29T00:00:00Z", true, 1709164800000000 },
		{ "2026-02-29T00:00:00Z", false, 0 },
		{ "2026-11-22T22:06:37", false, 0 },
		{ "2026-11-22", false, 0 },
		{ "2026-13-22T22:06:37Z", false, 0 },
		{ "2026-11-22T24:06:37Z", false, 0 },
		{ "2026-11-22T22:06:37.Z", false, 0 },
		{ "2026-11-22T22:06:37Zx", false, 0 },
		{ "2026-11-22T22:06:37+2", false, 0 },
		{ "2026-11-22T22:06:37+02:", false, 0 },
		{ "", false, 0 },
		{ "now", false, 0 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t us = 0;
		if (wall_from_iso(cases[i].text, &us) != cases[i].ok || us != cases[i].us)
			fail_msg("%s: %lld", cases[i].text, (long long)us);
	}
}

static void networks_hold_their_addresses(void **state)
{
	static const struct {
		const char *network, *inside, *outside;
	} cases[] = {
		{ "10.0.0.0/8", "10.255.0.1", "11.0.0.1" },
		{ "10.1.2.3/8", "10.9.9.9", "9.1.2.3" },
		{ "10.1.2.3", "10.1.2.3", "10.1.2.4" },
		{ "192.168.4.0/255.255.252.0", "192.168.7.255", "192.168.8.0" },
		{ "10.0.0.128/25", "::ffff:10.0.0.200", "::ffff:10.0.0.100" },
		{ "::ffff:10.0.0.0/104", "10.7.7.7", "11.7.7.7" },
		{ "0.0.0.0/0", "203.0.113.9", "2001:db8::1" },
		{ "::/0", "2001:db8::1", "203.0.113.9" },
		{ "fd00:1::/33", "fd00:1:7fff::1", "fd00:1:8000::1" },
		{ "::1", "::1", "::2" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct network network, inside, outside;
		assert_true(network_parse(cases[i].network, &network));
		assert_true(network_parse(cases[i].inside, &inside));
		assert_true(network_parse(cases[i].outside, &outside));
		if (!network_holds(&network, &inside) || network_holds(&network, &outside))
			fail_msg("%s", cases[i].network);
	}
}

static void what_is_no_network_is_refused(void **state)
{
	static const char *const texts[] = {
		"",           "10.0.0",     "10.0.0.256",  "10.0.0.0/33", "10.0.0.0/-1",
		"10.0.0.0/",  "10.0.0.0/x", "fd00::/129",  "fd00::1::2",  "fd00::/1.2.3.4",
		"fe80::1%lo", "localhost",  " 10.0.0.0/8", "10.0.0.0/8 ", "10.0.0.0/255.0.255.0"
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct network network;
		if (network_parse(texts[i], &network))
			fail_msg("accepted: %s", texts[i]);
	}
}

static void quantities_are_those_of_kubernetes(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t bytes; /* -1: none */
	} cases[] = {
		{ "0", 0 },
		{ "20Gi", 21474836480 },
		{ "500G", 500000000000 },
		{ "1.5Ti", 1649267441664 },
		{ "1e9", 1000000000 },
		{ "1E", 1000000000000000000 },
		{ "2k", 2000 },
		{ "0.5", 1 },
		{ "", -1 },
		{ "-1Gi", -1 },
		{ "20 Gi", -1 },
		{ "20GB", -1 },
		{ "0x10", -1 },
		{ "infinity", -1 },
		{ "99Ei", -1 },
		{ "Gi", -1 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t bytes = -1;
		if (units_quantity(cases[i].text, &bytes) != (cases[i].bytes >= 0) || bytes != cases[i].bytes)
			fail_msg("%s: %lld", cases[i].text, (long long)bytes);
	}
}

static void quantities_of_cpu_are_thousandths(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t milli;
	} cases[] = { { "500m", 500 },
		      { "2", 2000 },
		      { "1.5", 1500 },
		      { "0.1", 100 },
		      { "1Ki", 1024000 },
		      { "m", -1 },
		      { "5mm", -1 },
		      { "-1", -1 },
		      { "9Pi", -1 },
		      { "1000m", 1000 },
		      { "2147483648", 2147483648000 } };
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t milli = -1;
		if (units_quantity_milli(cases[i].text, &milli) != (cases[i].milli >= 0) || milli != cases[i].milli)
			fail_msg("%s: %lld", cases[i].text, (long long)milli);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(booleans_have_eight_spellings),
		cmocka_unit_test(quantities_of_cpu_are_thousandths),
		cmocka_unit_test(integers_take_units),
		cmocka_unit_test(quantities_are_those_of_kubernetes),
		cmocka_unit_test(positions_go_both_ways),
		cmocka_unit_test(times_are_written_as_the_contract_says),
		cmocka_unit_test(times_are_read),
		cmocka_unit_test(networks_hold_their_addresses),
		cmocka_unit_test(what_is_no_network_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
