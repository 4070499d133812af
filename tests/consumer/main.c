#include <errno.h>
#include <string.h>

#include <ward/ward.h>

int
main(void)
{
    return strcmp(ward_strerror(-ENOENT), strerror(ENOENT)) == 0 ? 0 : 1;
}
