/* evtx_xml.h - the binary XML of .evtx files: an event as tokens, most of them in a template that the chunk
 * holds once, with the event's own values in its places. Offsets are those of a chunk. */
#ifndef FARMGATE_CTL_EVTX_XML_H
#define FARMGATE_CTL_EVTX_XML_H

#include "windows_walk.h"

#define EVTX_CHUNK_BYTES 65536

#define EVTX_VALUES_MAX  512   /* of a template */
#define EVTX_NESTING_MAX 8     /* templates and XML in values */
#define EVTX_TOKENS_MAX  16384 /* of an event */

/* Walks the tokens from `at` to `end` of a chunk. False: they are not as they should be, and the walk stands
 * somewhere in the event. */
bool evtx_xml_walk(const unsigned char chunk[EVTX_CHUNK_BYTES], size_t at, size_t end,
                   struct windows_walk *walk);

#endif
