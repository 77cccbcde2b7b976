/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /phone/: the browser handset of deploy/phone, mounted only where [coko] sandbox = yes.
 *
 * The files are read once, at start, into memory, and answered with an ETag. config.json tells the
 * page the carriers in force that call us over HTTP and are answered at once, their short codes, and
 * where the lab's SMSC answers; the Content-Security-Policy lets it talk to that one address and to
 * us, and to nothing else. What the carriers speak the page asks of us: POST write, POST read
 * (api.h).
 *
 * Never: a secret of a carrier (the page asks for it, "demo" by default), any other file than the
 * table's, anything of a reader: the page knows what a phone knows.
 */
#ifndef COKO_PHONE_PAGE_H
#define COKO_PHONE_PAGE_H

#include "gateway/io/http_server.h"
#include "gateway/ussd/ussd.h"

struct phone_page_config {
    const char *dir;          /* holds index.html, phone.css, phone.js, icon.svg */
    const char *sms_url;      /* control API of the lab's SMSC, http(s)://host:port; "" for none */
    const char *profiles_dir; /* and a folder of more, looked at first; "" for none */
    const char *own_profiles;
    const struct ussd_carrier_config *carriers;
    size_t ncarriers;
};

struct phone_page;

/* "http://host:port" or https, and nothing after it: what may stand in a policy as it is. */
bool phone_page_is_origin(struct str url);

/* Reads the files. NULL and err: a file is missing or too big, sms_url is no plain http(s) URL,
 * a profile is broken. */
struct phone_page *phone_page_new(const struct phone_page_config *c, struct err *e);

MUST_CHECK int phone_page_mount(struct phone_page *p, struct http_server *s, struct err *e);

/* After the server stopped answering. NULL is allowed. */
void phone_page_free(struct phone_page *p);

#endif
