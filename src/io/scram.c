#include "io/scram.h"

#include "base/strbuf.h"

#include <libpq-fe.h>

/* libpq wants a connection to ask about the server's preference; with the method named it asks nobody, and an
 * unfinished one that points nowhere will do. */
bool scram_verifier(const char *password, char *verifier, size_t size, struct err *err)
{
	PGconn *nowhere = PQconnectStart("host=/nonexistent user=nobody dbname=none");
	char *made = nowhere == NULL ? NULL : PQencryptPasswordConn(nowhere, password, "", "scram-sha-256");
	bool fits = made != NULL && text_copy(verifier, size, made);
	PQfreemem(made);
	PQfinish(nowhere);
	return fits || err_set(err, ERR_OTHER, "no verifier could be made of a password");
}
