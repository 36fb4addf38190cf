/* Connection texts come from a server's settings: whatever is in them, a value fits its memory or is refused. */
#include "postgres/conninfo.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char value[24];
	char *text = malloc(size + 1);
	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (conninfo_get(text, "host", value, sizeof(value)) && strlen(value) >= sizeof(value))
		abort();
	conninfo_get(text, "", value, sizeof(value));
	free(text);
	return 0;
}
