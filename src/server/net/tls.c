#include "server/net/tls.h"

#include <pthread.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"

enum { CHAIN_MOST = 16 };

/* Handshakes that run keep using what they began with, so what was replaced stays until the end: a
 * few kilobytes each time that a certificate changes. */
struct pair {
    struct pair *older;
    gnutls_pcert_st chain[CHAIN_MOST];
    unsigned count;
    gnutls_privkey_t key;
};

struct vdt_tls {
    pthread_mutex_t lock;
    char *certificate_path, *key_path;
    struct pair *pair;
};

static void free_pair(struct pair *pair)
{
    for (unsigned i = 0; i < pair->count; i++)
        gnutls_pcert_deinit(&pair->chain[i]);
    if (pair->key)
        gnutls_privkey_deinit(pair->key);
    free(pair);
}

static vdt_status refused(const char *path, const char *what, int code, struct vdt_error *error)
{
    return vdt_fail(error, VDT_ERR_FORMAT, "%s: %s: %s", path, what, gnutls_strerror(code));
}

static vdt_status load_chain(const char *path, struct pair *pair, struct vdt_error *error)
{
    gnutls_datum_t text;
    unsigned count = CHAIN_MOST;
    int code = gnutls_load_file(path, &text);
    if (code < 0)
        return vdt_fail_errno(error, path);
    code = gnutls_pcert_list_import_x509_raw(pair->chain, &count, &text, GNUTLS_X509_FMT_PEM, 0);
    gnutls_free(text.data);
    if (code < 0)
        return refused(path, "no PEM certificate, or more than 16", code, error);
    pair->count = count;
    return VDT_OK;
}

static vdt_status load_key(const char *path, struct pair *pair, struct vdt_error *error)
{
    gnutls_datum_t text;
    int code = gnutls_load_file(path, &text);
    if (code < 0)
        return vdt_fail_errno(error, path);
    code = gnutls_privkey_init(&pair->key);
    if (code >= 0)
        code = gnutls_privkey_import_x509_raw(pair->key, &text, GNUTLS_X509_FMT_PEM, NULL, 0);
    gnutls_memset(text.data, 0, text.size);
    gnutls_free(text.data);
    return code < 0 ? refused(path, "no PEM private key without a password", code, error) : VDT_OK;
}

static vdt_status check_pair(const struct vdt_tls *tls, const struct pair *pair,
                             struct vdt_error *error)
{
    unsigned char ours[64], theirs[64];
    size_t our_size = sizeof ours, their_size = sizeof theirs;
    gnutls_pubkey_t public;
    int code = gnutls_pubkey_init(&public);
    if (code < 0)
        return refused(tls->key_path, "cannot be checked", code, error);
    code = gnutls_pubkey_import_privkey(public, pair->key, 0, 0);
    if (code >= 0)
        code = gnutls_pubkey_get_key_id(public, GNUTLS_KEYID_USE_SHA256, ours, &our_size);
    gnutls_pubkey_deinit(public);
    if (code >= 0)
        code = gnutls_pubkey_get_key_id(pair->chain[0].pubkey, GNUTLS_KEYID_USE_SHA256, theirs,
                                        &their_size);
    if (code < 0)
        return refused(tls->key_path, "cannot be checked", code, error);
    if (our_size != their_size || memcmp(ours, theirs, our_size) != 0)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: is not the key of the certificate %s",
                        tls->key_path, tls->certificate_path);
    return VDT_OK;
}

vdt_status vdt_tls_reload(struct vdt_tls *tls, struct vdt_error *error)
{
    struct pair *pair = calloc(1, sizeof *pair);
    if (!pair)
        return vdt_fail_memory(error, tls->certificate_path);
    vdt_status status = load_chain(tls->certificate_path, pair, error);
    if (!status)
        status = load_key(tls->key_path, pair, error);
    if (!status)
        status = check_pair(tls, pair, error);
    if (status) {
        free_pair(pair);
        return status;
    }
    pthread_mutex_lock(&tls->lock);
    pair->older = tls->pair;
    tls->pair = pair;
    pthread_mutex_unlock(&tls->lock);
    return VDT_OK;
}

vdt_status vdt_tls_open(const char *certificate, const char *key, struct vdt_tls **out,
                        struct vdt_error *error)
{
    struct vdt_tls *tls = calloc(1, sizeof *tls);
    if (!tls)
        return vdt_fail_memory(error, certificate);
    pthread_mutex_init(&tls->lock, NULL);
    tls->certificate_path = vdt_copy_string(certificate);
    tls->key_path = vdt_copy_string(key);
    vdt_status status = tls->certificate_path && tls->key_path ? vdt_tls_reload(tls, error)
                                                               : vdt_fail_memory(error, key);
    if (status) {
        vdt_tls_close(tls);
        return status;
    }
    *out = tls;
    return VDT_OK;
}

void vdt_tls_use(struct vdt_tls *tls, gnutls_pcert_st **chain, unsigned *count,
                 gnutls_privkey_t *key)
{
    pthread_mutex_lock(&tls->lock);
    *chain = tls->pair->chain;
    *count = tls->pair->count;
    *key = tls->pair->key;
    pthread_mutex_unlock(&tls->lock);
}

void vdt_tls_close(struct vdt_tls *tls)
{
    if (!tls)
        return;
    for (struct pair *pair = tls->pair, *older; pair; pair = older) {
        older = pair->older;
        free_pair(pair);
    }
    pthread_mutex_destroy(&tls->lock);
    free(tls->certificate_path);
    free(tls->key_path);
    free(tls);
}
