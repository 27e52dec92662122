/* An evaluation's document as tables for people. */
#ifndef TOOL_EVAL_TABLE_H
#define TOOL_EVAL_TABLE_H

/* On stdout; warnings on stderr. Returns an exit code. */
int eval_table_print(const char *document);

#endif
