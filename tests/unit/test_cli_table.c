/* Tables of text, sign by sign. */
#include "cli/text_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct text_table table;
static char memory[16 * 1024];
static struct strbuf text;

static int setup(void **state)
{
	(void)state;
	text_table_init(&table);
	strbuf_init(&text, memory, sizeof(memory));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	text_table_finish(&table);
	return 0;
}

static void add_row(const char *first, const char *second, const char *third)
{
	const char *const cells[] = { first, second, third };
	int row = text_table_add_row(&table);
	for (int i = 0; i < table.column_count; i++)
		text_table_set(&table, row, i, cells[i]);
}

static void add_columns(void)
{
	text_table_add_column(&table, "Member", false);
	text_table_add_column(&table, "TL", true);
	text_table_add_column(&table, "Tags", false);
}

static void a_frame_is_as_wide_as_its_widest_cell(void **state)
{
	(void)state;
	add_columns();
	add_row("a", "1", "");
	add_row("shop-postgres-1", "12345", "x");
	text_table_print_framed(&table, "", &text);
	assert_string_equal(memory, "+-----------------+-------+------+\n"
				    "| Member          |    TL | Tags |\n"
				    "+-----------------+-------+------+\n"
				    "| a               |     1 |      |\n"
				    "| shop-postgres-1 | 12345 | x    |\n"
				    "+-----------------+-------+------+\n");
}

static void a_title_lies_over_the_upper_border(void **state)
{
	(void)state;
	add_columns();
	add_row("postgres-0", "1", "abcdefghijkl");
	text_table_print_framed(&table, " Cluster: s (7) ", &text);
	assert_string_equal(memory, "+ Cluster: s (7) -+--------------+\n"
				    "| Member     | TL | Tags         |\n"
				    "+------------+----+--------------+\n"
				    "| postgres-0 |  1 | abcdefghijkl |\n"
				    "+------------+----+--------------+\n");
}

static void a_long_title_leaves_the_corners(void **state)
{
	(void)state;
	text_table_add_column(&table, "a", false);
	add_row("b", NULL, NULL);
	text_table_print_framed(&table, " Cluster: shop ", &text);
	assert_string_equal(memory, "+ Cl+\n| a |\n+---+\n| b |\n+---+\n");
}

static void a_title_may_end_right_before_the_corner(void **state)
{
	(void)state;
	text_table_add_column(&table, "a", false);
	text_table_print_framed(&table, " ä ", &text);
	assert_string_equal(memory, "+ ä +\n| a |\n+---+\n+---+\n");
}

static void cells_of_several_lines_get_rules_between_all_rows(void **state)
{
	(void)state;
	add_columns();
	add_row("a", "1", "x: 1\nyy: 22");
	add_row("b", "2", "");
	text_table_print_framed(&table, "", &text);
	assert_string_equal(memory, "+--------+----+--------+\n"
				    "| Member | TL | Tags   |\n"
				    "+--------+----+--------+\n"
				    "| a      |  1 | x: 1   |\n"
				    "|        |    | yy: 22 |\n"
				    "+--------+----+--------+\n"
				    "| b      |  2 |        |\n"
				    "+--------+----+--------+\n");
}

static void a_frame_without_rows_is_closed(void **state)
{
	(void)state;
	add_columns();
	text_table_print_framed(&table, "", &text);
	assert_string_equal(memory, "+--------+----+------+\n"
				    "| Member | TL | Tags |\n"
				    "+--------+----+------+\n"
				    "+--------+----+------+\n");
}

static void width_counts_characters(void **state)
{
	(void)state;
	add_columns();
	add_row("größe", "1", "…");
	text_table_print_framed(&table, "", &text);
	assert_non_null(strstr(memory, "| größe  |  1 | …    |\n"));
}

static void plain_tables_leave_empty_columns_out(void **state)
{
	(void)state;
	text_table_add_column(&table, "member", false);
	text_table_add_column(&table, "lag", true);
	text_table_add_column(&table, "lease", false);
	text_table_add_column(&table, "notes", false);
	int row = text_table_add_row(&table);
	text_table_set(&table, row, 0, "shop-0");
	text_table_set(&table, row, 1, "48 MB");
	row = text_table_add_row(&table);
	text_table_set(&table, row, 0, "s");
	text_table_set(&table, row, 3, "n");
	text_table_print_plain(&table, 80, false, &text);
	assert_string_equal(memory, "member    lag  notes\n"
				    "shop-0  48 MB\n"
				    "s              n\n");
}

static void the_last_column_is_broken_into_lines(void **state)
{
	(void)state;
	text_table_add_column(&table, "member", false);
	text_table_add_column(&table, "notes", false);
	add_row("a", "base backup 41 % of 210 GB, 118 MB/s", NULL);
	add_row("b", "averyveryverylongwordthatcannotbebroken x", NULL);
	text_table_print_plain(&table, 30, false, &text);
	assert_string_equal(memory, "member  notes\n"
				    "a       base backup 41 % of\n"
				    "        210 GB, 118 MB/s\n"
				    "b       averyveryverylongwordthatcannotbebroken\n"
				    "        x\n");
}

static void colour_is_only_where_it_is_wanted(void **state)
{
	(void)state;
	text_table_add_column(&table, "a", false);
	text_table_add_column(&table, "b", false);
	add_row("x", "y", NULL);
	text_table_colour(&table, 0, 0, COLOUR_GREEN);
	text_table_print_plain(&table, 80, true, &text);
	assert_string_equal(memory, "a  b\n\033[32mx\033[0m  y\n");
	strbuf_init(&text, memory, sizeof(memory));
	text_table_print_plain(&table, 80, false, &text);
	assert_string_equal(memory, "a  b\nx  y\n");
}

static void tabs_separate_values_and_nothing_is_padded(void **state)
{
	(void)state;
	add_columns();
	add_row("a", "1", "");
	text_table_print_tabs(&table, &text);
	assert_string_equal(memory, "Member\tTL\tTags\na\t1\t\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_frame_is_as_wide_as_its_widest_cell),
		TEST(a_title_lies_over_the_upper_border),
		TEST(a_long_title_leaves_the_corners),
		TEST(a_title_may_end_right_before_the_corner),
		TEST(cells_of_several_lines_get_rules_between_all_rows),
		TEST(a_frame_without_rows_is_closed),
		TEST(width_counts_characters),
		TEST(plain_tables_leave_empty_columns_out),
		TEST(the_last_column_is_broken_into_lines),
		TEST(colour_is_only_where_it_is_wanted),
		TEST(tabs_separate_values_and_nothing_is_padded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
