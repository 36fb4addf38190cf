/* What a TLS server presents and whom it believes. The same code sets up a new server, checks changed files, and puts
 * them to use. */
#include "http_server_private.h"

#include "base/strbuf.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>

/* Why OpenSSL refused, in its words; the first error is the cause, later ones follow from it. */
static bool fail(struct err *err, const char *what, const char *name)
{
	unsigned long code = ERR_get_error();
	const char *reason = NULL;
	if (code != 0 && ERR_SYSTEM_ERROR(code))
		reason = strerror(ERR_GET_REASON(code));
	else if (code != 0)
		reason = ERR_reason_error_string(code);
	ERR_clear_error();
	return err_set(err, ERR_INPUT, "%s %s: %s", what, name, reason != NULL ? reason : "refused");
}

static int give_password(char *to, int size, UNUSED int for_writing, void *arg)
{
	const char *password = arg;
	if (password == NULL || size <= 0)
		return 0;
	size_t len = strlen(password);
	if (len > (size_t)size)
		return -1;
	memcpy(to, password, len);
	return (int)len;
}

static bool apply_certificate(SSL_CTX *tls, const struct http_server_params *params, struct err *err)
{
	const char *key_file = params->key_file != NULL ? params->key_file : params->cert_file; /* one file for both */
	SSL_CTX_set_default_passwd_cb(tls, give_password);
	SSL_CTX_set_default_passwd_cb_userdata(tls, (void *)(uintptr_t)params->key_password);
	if (SSL_CTX_use_certificate_chain_file(tls, params->cert_file) != 1)
		return fail(err, "certificate", params->cert_file);
	if (SSL_CTX_use_PrivateKey_file(tls, key_file, SSL_FILETYPE_PEM) != 1)
		return fail(err, "private key", key_file);
	if (SSL_CTX_check_private_key(tls) != 1)
		return fail(err, "private key", key_file);
	return true;
}

static bool apply_clients(SSL_CTX *tls, const struct http_server_params *params, struct err *err)
{
	int mode = SSL_VERIFY_NONE;
	if (params->verify_client_required)
		mode = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	else if (params->verify_client_optional)
		mode = SSL_VERIFY_PEER;
	SSL_CTX_set_verify(tls, mode, NULL);
	SSL_CTX_set_cert_store(tls, X509_STORE_new());
	SSL_CTX_set_client_CA_list(tls, NULL);
	/* a resumed session would not be checked again, and the authorities may have changed */
	SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
	if (mode == SSL_VERIFY_NONE)
		SSL_CTX_clear_options(tls, SSL_OP_NO_TICKET);
	else
		SSL_CTX_set_options(tls, SSL_OP_NO_TICKET);
	if (params->ca_file == NULL)
		return true;
	if (SSL_CTX_load_verify_file(tls, params->ca_file) != 1)
		return fail(err, "authorities", params->ca_file);
	STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(params->ca_file);
	if (names == NULL)
		return fail(err, "authorities", params->ca_file);
	SSL_CTX_set_client_CA_list(tls, names);
	return true;
}

bool http_tls_apply(SSL_CTX *tls, const struct http_server_params *params, struct err *err)
{
	ERR_clear_error();
	SSL_CTX_set_tlsext_servername_callback(tls, NULL); /* libwebsockets would choose among its vhosts */
	SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
	SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS); /* 34 KB less for each idle connection */
	const char *ciphers = text_is_empty(params->ciphers) ? OSSL_default_cipher_list() : params->ciphers;
	if (SSL_CTX_set_cipher_list(tls, ciphers) != 1)
		return fail(err, "ciphers", params->ciphers);
	return apply_certificate(tls, params, err) && apply_clients(tls, params, err);
}

bool http_tls_check(const struct http_server_params *params, struct err *err)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
	if (tls == NULL)
		return fail(err, "TLS", "library");
	bool ok = http_tls_apply(tls, params, err);
	SSL_CTX_free(tls);
	return ok;
}
