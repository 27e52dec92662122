/* Someone else's program: built by test_install.py against an installed vedatile. */
#include <stdio.h>
#include <vedatile/vedatile.h>

int main(void)
{
    struct vdt_error error = {0};
    struct vdt_reader *reader = NULL;
    if (vdt_reader_open("nosuch.h5", &reader, &error) != VDT_ERR_NOT_FOUND || reader != NULL)
        return 1;
    printf("%s\n", vdt_versions());
    return 0;
}
