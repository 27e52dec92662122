/* Certificate and key, and their change while the server runs. */
#ifndef SERVER_NET_TLS_H
#define SERVER_NET_TLS_H

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <vedatile/error.h>

/* TLS 1.2 and 1.3, ciphers that authenticate what they encrypt. */
#define VDT_TLS_PRIORITIES                                                                       \
    "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-CIPHER-ALL:+AES-256-GCM:+CHACHA20-POLY1305:" \
    "+AES-128-GCM:%SERVER_PRECEDENCE"

struct vdt_tls;

/* VDT_ERR_FORMAT when the files are no PEM, or the key is another certificate's. */
vdt_status vdt_tls_open(const char *certificate, const char *key, struct vdt_tls **tls,
                        struct vdt_error *error);

/* Reads both files again; on failure the old ones stay. Any thread. */
vdt_status vdt_tls_reload(struct vdt_tls *tls, struct vdt_error *error);

/* The certificate and key of now, for a handshake: they live as long as `tls`. */
void vdt_tls_use(struct vdt_tls *tls, gnutls_pcert_st **chain, unsigned *count,
                 gnutls_privkey_t *key);

/* Accepts NULL. */
void vdt_tls_close(struct vdt_tls *tls);

#endif
