/* libpq's keyword = value texts: printed in the order of contract 2.8, and one value looked up. */
#ifndef HOWDAH_POSTGRES_CONNINFO_H
#define HOWDAH_POSTGRES_CONNINFO_H

#include "codec/config.h"

struct conninfo {
	const char *dbname, *passfile, *host, *application_name, *krbsrvname,
		*target_session_attrs; /* NULL or "": left out */
	int port;
	const struct config_auth *auth; /* never its password */
	int major;                      /* which keywords libpq there knows */
	bool by_service;                /* the key's passphrase comes out of the service file, not with this text */
	bool with_defaults; /* sslmode, gssencmode, channel_binding, sslnegotiation when nothing is configured */
};

void conninfo_print(const struct conninfo *conninfo, struct strbuf *to);
/* false: no such keyword, or the text is none. The last one counts, as in libpq. */
bool conninfo_get(const char *text, const char *keyword, char *value, size_t size);

/* One line of a password file per host in a comma list (contract 2.8). */
void pgpass_print(const char *hosts, int port, const struct config_auth *auth, struct strbuf *to);

enum { SERVICE_PASSPHRASE_MAX = 241, SERVICE_TEXT_SIZE = 320 };
/* A connection service file of libpq's (a line of 13's has 254 bytes) with the passphrase of the key; false: it has no
 * place there. */
MUST_CHECK bool service_print(const struct config_auth *auth, struct strbuf *to, struct err *err);

#endif
