#!/bin/sh
# Runs a cmocka program: run.sh PROGRAM. cmocka 1.1.5 writes a skipped case as "not ok N # SKIP",
# which meson takes for a failure.
exec 4>&1
status=$({
    {
        "$@" 3>&- 4>&-
        echo $? >&3
    } | sed -u 's/^not ok \([0-9]*\) # SKIP/ok \1 # SKIP/' >&4
} 3>&1)
exit "$status"
