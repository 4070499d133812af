/*
 * A port program of Erlang's: answers each frame of {packet, 4} by itself, and dies of one
 * that is a lone '!'. All frames that came at once are answered at once.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

enum { HEAD = 4 };

static char buffer[256 * 1024];

/* The bytes of the whole frames that lie at the beginning. */
static size_t
whole_frames(size_t filled)
{
    size_t at = 0;

    while (filled - at >= HEAD) {
        const unsigned char *head = (const unsigned char *)buffer + at;
        size_t size = (size_t)head[0] << 24 | (size_t)head[1] << 16 |
                      (size_t)head[2] << 8 | (size_t)head[3];
        if (filled - at - HEAD < size)
            break;
        if (size == 1 && buffer[at + HEAD] == '!')
            *(volatile int *)0 = 1;
        at += HEAD + size;
    }
    return at;
}

static bool
write_all(size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t sent = write(STDOUT_FILENO, buffer + at, size - at);
        if (sent <= 0)
            return false;
        at += (size_t)sent;
    }
    return true;
}

int
main(void)
{
    size_t filled = 0;

    for (;;) {
        ssize_t got = read(STDIN_FILENO, buffer + filled, sizeof buffer - filled);
        size_t whole;
        if (got <= 0)
            return got < 0;
        filled += (size_t)got;
        whole = whole_frames(filled);
        if (!write_all(whole))
            return 1;
        filled -= whole;
        memmove(buffer, buffer + whole, filled);
    }
}
