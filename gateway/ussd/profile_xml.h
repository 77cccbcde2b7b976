/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A carrier's XML, read strictly (hard case 33): no DTD and so no entities but the five, no network,
 * at most PROFILE_XML_DEPTH elements deep, and nothing that could be read in two ways.
 */
#ifndef COKO_USSD_PROFILE_XML_H
#define COKO_USSD_PROFILE_XML_H

#include "gateway/lib/base.h"
#include "gateway/lib/buf.h"
#include "gateway/lib/str.h"

#define PROFILE_XML_MAX   (16u << 10)
#define PROFILE_XML_DEPTH 16

struct profile_xml;

/* NULL: not well formed, a DTD in it, too deep, too long. */
struct profile_xml *profile_xml_parse(struct str body);

/*
 * Appends what stands at a path below the root: "a/b" the text of an element, "a/@b" an attribute,
 * "@b" one of the root; '?' is any element; prefixes of namespaces do not count. 1 found, 0 absent,
 * -1 there twice, or with elements where text should be.
 */
MUST_CHECK int profile_xml_value(const struct profile_xml *x, struct str path, struct buf *out);

/* NULL is allowed. */
void profile_xml_free(struct profile_xml *x);

#endif
