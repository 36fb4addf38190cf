/* Tables of text. */
#include "text_table.h"

#include <stdlib.h>
#include <string.h>

enum { PLAIN_GAP = 2, LAST_COLUMN_MIN = 20 };

static const char *const colour_codes[] = {
	[COLOUR_NONE] = "",           [COLOUR_BOLD] = "\033[1m", [COLOUR_GREEN] = "\033[32m",
	[COLOUR_YELLOW] = "\033[33m", [COLOUR_RED] = "\033[31m",
};
static_assert(ARRAY_SIZE(colour_codes) == COLOUR_COUNT, "a code for each colour");

int text_width(const char *text, size_t len)
{
	int width = 0;
	for (size_t i = 0; i < len; i++)
		width += ((unsigned char)text[i] & 0xc0) != 0x80;
	return width;
}

void text_table_init(struct text_table *table)
{
	*table = (struct text_table){ .rows = calloc(TEXT_TABLE_ROWS_MAX, sizeof(table->rows[0])) };
	if (table->rows == NULL)
		abort();
}

void text_table_finish(struct text_table *table)
{
	for (int row = 0; row < table->row_count; row++)
		for (int i = 0; i < table->column_count; i++)
			free(table->rows[row][i].text);
	free(table->rows);
	table->rows = NULL;
}

void text_table_add_column(struct text_table *table, const char *title, bool right)
{
	assert(table->column_count < TEXT_TABLE_COLUMNS_MAX && table->row_count == 0);
	table->columns[table->column_count].title = title;
	table->columns[table->column_count++].right = right;
}

int text_table_add_row(struct text_table *table)
{
	assert(table->row_count < TEXT_TABLE_ROWS_MAX);
	return table->row_count++;
}

void text_table_set(struct text_table *table, int row, int column, const char *text)
{
	struct text_cell *cell = &table->rows[row][column];
	free(cell->text);
	cell->text = strdup(text);
	if (cell->text == NULL)
		abort();
}

void text_table_colour(struct text_table *table, int row, int column, enum text_colour colour)
{
	table->rows[row][column].colour = colour;
}

static const char *cell_text(const struct text_table *table, int row, int column)
{
	const char *text = table->rows[row][column].text;
	return text == NULL ? "" : text;
}

/* The widest line of the column, its title included. */
static int column_width(const struct text_table *table, int column)
{
	int width = text_width(table->columns[column].title, strlen(table->columns[column].title));
	for (int row = 0; row < table->row_count; row++)
		for (const char *line = cell_text(table, row, column); line != NULL;) {
			const char *end = strchrnul(line, '\n');
			int line_width = text_width(line, (size_t)(end - line));
			width = line_width > width ? line_width : width;
			line = *end == '\0' ? NULL : end + 1;
		}
	return width;
}

static int line_count(const char *text)
{
	int lines = 1;
	for (; *text != '\0'; text++)
		lines += *text == '\n';
	return lines;
}

/* The number-th line of a text; false: it has fewer. */
static bool find_line(const char *text, int number, const char **line, size_t *len)
{
	while (number-- > 0) {
		text = strchr(text, '\n');
		if (text == NULL)
			return false;
		text++;
	}
	*line = text;
	*len = strcspn(text, "\n");
	return true;
}

static void print_padded(const char *text, size_t len, int width, bool right, struct strbuf *to)
{
	int padding = width - text_width(text, len);
	if (right)
		strbuf_addf(to, "%*s", padding > 0 ? padding : 0, "");
	strbuf_add_bytes(to, text, len);
	if (!right)
		strbuf_addf(to, "%*s", padding > 0 ? padding : 0, "");
}

/* ---- framed ---- */

struct frame {
	const struct text_table *table;
	int widths[TEXT_TABLE_COLUMNS_MAX];
	struct strbuf *to;
};

/* From the from-th sign on: what is before it has been printed already. */
static void print_rule(const struct frame *frame, int from)
{
	int at = 0;
	for (int i = 0; i < frame->table->column_count; i++)
		for (int n = 0; n < frame->widths[i] + 3; n++, at++)
			if (at >= from)
				strbuf_add_char(frame->to, n == 0 ? '+' : '-');
	strbuf_add(frame->to, "+\n");
}

static int rule_width(const struct frame *frame)
{
	int width = 1;
	for (int i = 0; i < frame->table->column_count; i++)
		width += frame->widths[i] + 3;
	return width;
}

/* The title stands over the rule behind its first sign, and leaves the last one. */
static void print_titled_rule(const struct frame *frame, const char *title)
{
	size_t len = 0;
	while (title[len] != '\0' && text_width(title, len + 1) <= rule_width(frame) - 2)
		len++;
	while (len > 0 && ((unsigned char)title[len] & 0xc0) == 0x80)
		len++;
	if (len == 0) {
		print_rule(frame, 0);
		return;
	}
	strbuf_add_char(frame->to, '+');
	strbuf_add_bytes(frame->to, title, len);
	print_rule(frame, 1 + text_width(title, len));
}

static void print_framed_line(const struct frame *frame, int row, int number)
{
	for (int i = 0; i < frame->table->column_count; i++) {
		const char *text = row < 0 ? frame->table->columns[i].title : cell_text(frame->table, row, i),
			   *line = "";
		size_t len = 0;
		if (!find_line(text, number, &line, &len))
			len = 0;
		strbuf_add(frame->to, "| ");
		print_padded(line, len, frame->widths[i], frame->table->columns[i].right, frame->to);
		strbuf_add_char(frame->to, ' ');
	}
	strbuf_add(frame->to, "|\n");
}

static int row_lines(const struct text_table *table, int row)
{
	int most = 1;
	for (int i = 0; i < table->column_count; i++) {
		int lines = line_count(cell_text(table, row, i));
		most = lines > most ? lines : most;
	}
	return most;
}

static bool has_long_row(const struct text_table *table)
{
	for (int row = 0; row < table->row_count; row++)
		if (row_lines(table, row) > 1)
			return true;
	return false;
}

void text_table_print_framed(const struct text_table *table, const char *title, struct strbuf *to)
{
	struct frame frame = { .table = table, .to = to };
	bool rules = has_long_row(table);
	for (int i = 0; i < table->column_count; i++)
		frame.widths[i] = column_width(table, i);
	print_titled_rule(&frame, title);
	print_framed_line(&frame, -1, 0);
	print_rule(&frame, 0);
	for (int row = 0; row < table->row_count; row++) {
		for (int number = 0; number < row_lines(table, row); number++)
			print_framed_line(&frame, row, number);
		if (rules)
			print_rule(&frame, 0);
	}
	if (!rules)
		print_rule(&frame, 0);
}

/* ---- plain ---- */

struct plain {
	const struct text_table *table;
	int columns[TEXT_TABLE_COLUMNS_MAX], widths[TEXT_TABLE_COLUMNS_MAX], count;
	int offset, room; /* where the last column begins, and how wide it may be */
	bool colour;
	struct strbuf *to;
};

static bool column_has_text(const struct text_table *table, int column)
{
	for (int row = 0; row < table->row_count; row++)
		if (cell_text(table, row, column)[0] != '\0')
			return true;
	return table->row_count == 0;
}

static void print_plain_cell(const struct plain *plain, int row, int i)
{
	int column = plain->columns[i];
	const char *text = row < 0 ? plain->table->columns[column].title : cell_text(plain->table, row, column);
	enum text_colour colour = row < 0 || !plain->colour ? COLOUR_NONE : plain->table->rows[row][column].colour;
	strbuf_add(plain->to, colour_codes[colour]);
	print_padded(text, strlen(text), plain->widths[i], plain->table->columns[column].right, plain->to);
	strbuf_add(plain->to, colour == COLOUR_NONE ? "" : "\033[0m");
	strbuf_addf(plain->to, "%*s", PLAIN_GAP, "");
}

/* As much of the text as fits, up to a blank if there is one; at least a word. */
static size_t fitting(const char *text, int room)
{
	size_t best = 0, at = 0;
	for (;;) {
		at += strcspn(text + at, " ");
		if (best > 0 && text_width(text, at) > room)
			return best;
		best = at;
		if (text[at] == '\0')
			return best;
		at++;
	}
}

static void print_last(const struct plain *plain, const char *text)
{
	for (;;) {
		size_t len = fitting(text, plain->room);
		strbuf_add_bytes(plain->to, text, len);
		text += len;
		if (*text == '\0')
			return;
		text++;
		strbuf_addf(plain->to, "\n%*s", plain->offset, "");
	}
}

static void trim_blanks(struct strbuf *to)
{
	while (to->len > 0 && to->text[to->len - 1] == ' ')
		to->text[--to->len] = '\0';
}

static void print_plain_row(const struct plain *plain, int row)
{
	int last = plain->columns[plain->count - 1];
	for (int i = 0; i < plain->count - 1; i++)
		print_plain_cell(plain, row, i);
	print_last(plain, row < 0 ? plain->table->columns[last].title : cell_text(plain->table, row, last));
	trim_blanks(plain->to);
	strbuf_add_char(plain->to, '\n');
}

void text_table_print_plain(const struct text_table *table, int width, bool colour, struct strbuf *to)
{
	struct plain plain = { .table = table, .colour = colour, .to = to };
	for (int i = 0; i < table->column_count; i++)
		if (column_has_text(table, i)) {
			plain.columns[plain.count] = i;
			plain.widths[plain.count++] = column_width(table, i);
		}
	if (plain.count == 0)
		return;
	for (int i = 0; i < plain.count - 1; i++)
		plain.offset += plain.widths[i] + PLAIN_GAP;
	plain.room = width - plain.offset > LAST_COLUMN_MIN ? width - plain.offset : LAST_COLUMN_MIN;
	for (int row = -1; row < table->row_count; row++)
		print_plain_row(&plain, row);
}

void text_table_print_tabs(const struct text_table *table, struct strbuf *to)
{
	for (int row = -1; row < table->row_count; row++)
		for (int i = 0; i < table->column_count; i++) {
			strbuf_add(to, row < 0 ? table->columns[i].title : cell_text(table, row, i));
			strbuf_add_char(to, i + 1 < table->column_count ? '\t' : '\n');
		}
}
