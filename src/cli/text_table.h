/* Tables of text: framed as patronictl draws them, plain as ours, and with tabs. Widths are counted in characters of UTF-8. */
#ifndef HOWDAH_SRC_CLI_TEXT_TABLE_H
#define HOWDAH_SRC_CLI_TEXT_TABLE_H

#include "base/strbuf.h"

enum { TEXT_TABLE_COLUMNS_MAX = 64, TEXT_TABLE_ROWS_MAX = 512 };

enum text_colour { COLOUR_NONE, COLOUR_BOLD, COLOUR_GREEN, COLOUR_YELLOW, COLOUR_RED, COLOUR_COUNT };

struct text_cell {
	char *text; /* may have several lines; owned by the table */
	enum text_colour colour;
};

struct text_table {
	int column_count, row_count;
	struct {
		const char *title; /* borrowed */
		bool right;
	} columns[TEXT_TABLE_COLUMNS_MAX];
	struct text_cell (*rows)[TEXT_TABLE_COLUMNS_MAX];
};

void text_table_init(struct text_table *table);
void text_table_finish(struct text_table *table);
void text_table_add_column(struct text_table *table, const char *title, bool right);
int text_table_add_row(struct text_table *table);                                     /* its index; cells are empty */
void text_table_set(struct text_table *table, int row, int column, const char *text); /* copied */
void text_table_colour(struct text_table *table, int row, int column, enum text_colour colour);

/* A frame, its title over the upper border; rules between all rows when a cell has several lines. */
void text_table_print_framed(const struct text_table *table, const char *title, struct strbuf *to);

/* Two blanks between columns, no frame; columns without any text are left out. The last column is broken into lines where the table would become wider than
 * `width`. */
void text_table_print_plain(const struct text_table *table, int width, bool colour, struct strbuf *to);
void text_table_print_tabs(const struct text_table *table, struct strbuf *to);

int text_width(const char *text, size_t len);

#endif
