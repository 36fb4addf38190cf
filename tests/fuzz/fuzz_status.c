/* What other members and the store say: status annotation, answer of GET /patroni, history annotation. */
#include "codec/status.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every text field must end within itself. */
static void check_text(const char *text, size_t size)
{
	if (strnlen(text, size) == size)
		abort();
}

static void try_status(const char *text)
{
	struct member member = { .name = "m" };
	if (status_parse(&member, text) != member.has_status || strcmp(member.name, "m") != 0)
		abort();
	check_text(member.api_url, sizeof(member.api_url));
	check_text(member.conn_host, sizeof(member.conn_host));
	check_text(member.replicatefrom, sizeof(member.replicatefrom));
	if (member.nofailover != (member.failover_priority <= 0) || member.conn_port < 0 || member.conn_port > 65535)
		abort();
}

static void try_history(const char *text)
{
	static struct history history, again;
	static char memory[256 * 1024];
	struct strbuf printed;
	struct err err;
	if (!history_parse_json(&history, text, &err))
		return;
	strbuf_init(&printed, memory, sizeof(memory));
	history_print_json(&history, 0, &printed);
	if (!strbuf_ok(&printed) || !history_parse_json(&again, memory, &err) || again.count != history.count)
		abort();
	for (int i = 0; i < history.count; i++)
		if (history.entries[i].end_lsn != again.entries[i].end_lsn)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct peer_answer answer = { .name = "p" };
	AUTO(text) char *text = strndup((const char *)data, size);
	if (text == NULL)
		abort();
	try_status(text);
	try_history(text);
	(void)peer_answer_parse(&answer, NULL, (const char *)data, size);
	return 0;
}
