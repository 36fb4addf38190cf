/* Any text as pg_wal/TLI.history; what is accepted survives the annotation's form. */
#include "codec/status.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct history history, again;
	static char memory[512 * 1024];
	struct strbuf printed;
	struct err err;
	AUTO(text) char *text = strndup((const char *)data, size);
	if (text == NULL)
		abort();
	if (!history_parse_file(&history, text, &err)) {
		if (strstr(err.text, "line ") == NULL)
			abort();
		return 0;
	}
	for (int i = 1; i < history.count; i++)
		if (history.entries[i - 1].timeline >= history.entries[i].timeline)
			abort();
	strbuf_init(&printed, memory, sizeof(memory));
	history_print_json(&history, 0, &printed);
	if (!strbuf_ok(&printed) || !history_parse_json(&again, memory, &err) || again.count != history.count)
		abort();
	return 0;
}
