/* support_system.h - what only one system has to tell: a variant each. */
#ifndef FARMGATE_CTL_SUPPORT_SYSTEM_H
#define FARMGATE_CTL_SUPPORT_SYSTEM_H

#include "support_parts.h"

/* Distribution and service manager, lines of versions.txt. */
void support_system_versions(struct text_buffer *text);
/* unit.txt and journal.txt, or why they are missing. */
void support_system_service(struct support *support);
/* A secret of this machine that is not told to others: its bytes, 0: there is none. */
size_t support_system_identity(char *ret, size_t bytes);

#endif
