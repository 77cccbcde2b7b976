/* SPDX-License-Identifier: Apache-2.0 */
/* Names, texts and classes of statuses, names of TLVs: the tables of pdu.def that nobody's bytes need. */
#include "smpp/pdu.h"

static const struct status {
    uint32_t value;
    enum smpp_class class;
    const char *name, *text;
} statuses[] = {
#define X(symbol, code, kind, says) {code, SMPP_CLASS_##kind, #symbol, says},
    SMPP_STATUSES(X)
#undef X
};

static const struct {
    uint16_t tag;
    const char *name;
} tags[] = {
#define X(symbol, text, number) {number, text},
    SMPP_TAGS(X)
#undef X
};

static const struct status *find_status(uint32_t value)
{
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        if (statuses[i].value == value)
            return &statuses[i];
    return NULL;
}

const char *smpp_status_name(uint32_t value)
{
    const struct status *s = find_status(value);

    return s ? s->name : value >= 0x400 && value <= 0x4FF ? "vendor" : "unknown";
}

const char *smpp_status_text(uint32_t value)
{
    const struct status *s = find_status(value);

    return s ? s->text : "status of the carrier's own";
}

enum smpp_class smpp_status_class(uint32_t v)
{
    const struct status *s = find_status(v);

    if (s != NULL)
        return s->class;
    if ((v >= 0x40 && v <= 0x43) || (v >= 0x48 && v <= 0x51) || (v >= 0xC0 && v <= 0xC4))
        return SMPP_CLASS_PERMANENT;
    return SMPP_CLASS_VENDOR;
}

const char *smpp_class_name(enum smpp_class class)
{
    static const char *const names[] = {
        [SMPP_CLASS_OK] = "ok",       [SMPP_CLASS_RETRY] = "retry",
        [SMPP_CLASS_ONCE] = "once",   [SMPP_CLASS_THROTTLE] = "throttle",
        [SMPP_CLASS_DEFER] = "defer", [SMPP_CLASS_PERMANENT] = "permanent",
        [SMPP_CLASS_ROUTE] = "route", [SMPP_CLASS_VENDOR] = "vendor",
    };

    return names[class];
}

const char *smpp_tag_name(uint16_t tag)
{
    for (size_t i = 0; i < ARRAY_LEN(tags); i++)
        if (tags[i].tag == tag)
            return tags[i].name;
    return "unknown";
}
