/* page.h - the status page as the build has put it together (embed.py). */
#ifndef FARMGATE_AGENT_WEB_PAGE_H
#define FARMGATE_AGENT_WEB_PAGE_H

#include <stddef.h>

extern const char web_page[]; /* HTML in UTF-8, not NUL-terminated */
extern const size_t web_page_bytes;
/* The Content-Security-Policy under which it runs: its own script and style by their hashes, nothing else. */
extern const char web_page_policy[];

#endif
