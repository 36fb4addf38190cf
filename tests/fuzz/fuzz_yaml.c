/* Any text: what is accepted must read back as the same tree from each form that we write. */
#include "codec/yaml.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_MAX = 8 * 1024 * 1024 };

static void read_back(const struct json *root, const struct strbuf *text)
{
	struct err err;
	if (!strbuf_ok(text) || text->len > 1024 * 1024)
		return; /* aliases made it larger than what is read */
	AUTO(json) struct json *again = yaml_parse("again", text->text, text->len, NULL, &err);
	if (again == NULL || !json_equal(root, again))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char memory[TEXT_MAX];
	struct err err;
	struct strbuf text;
	struct yaml_lines *lines;
	AUTO(json) struct json *root = yaml_parse("fuzz", (const char *)data, size, &lines, &err);
	if (root == NULL) {
		if (lines != NULL || err.kind != ERR_INPUT || err.text[0] == '\0')
			abort();
		return 0;
	}
	(void)yaml_line(lines, "a.b");
	yaml_lines_free(lines);
	strbuf_init(&text, memory, sizeof(memory));
	yaml_print(root, true, &text);
	read_back(root, &text);
	strbuf_init(&text, memory, sizeof(memory));
	yaml_print_flow(root, &text);
	read_back(root, &text);
	return 0;
}
