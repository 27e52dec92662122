/* Ctrl-C asks a command to stop at the next good place; a second one ends it at once. */
#ifndef TOOL_INTERRUPT_H
#define TOOL_INTERRUPT_H

#include <stdbool.h>

/* From here on SIGINT and SIGTERM only set a flag, once each. */
void interrupt_catch(void);

bool interrupt_pending(void);

#endif
