/* What is wrong with options, found before anything large is read. */
#ifndef REPORT_OPTIONS_CHECK_H
#define REPORT_OPTIONS_CHECK_H

#include <vedatile/evaluation.h>

/* Words, numbers, what goes with what, and the small files that options name. `opened`: store and
 * run are open already, and nothing else can be. */
vdt_status vdt_options_check(const struct vdt_evaluate_options *options, bool opened,
                             struct vdt_error *error);

#endif
