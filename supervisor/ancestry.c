#include "supervisor/ancestry.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ipc/fault.h"
#include "ipc/fds.h"

/* What is larger has so many pages that the list does not count; and it would be there twice. */
enum { SIZE_MOST = 1 << 20, MAPPINGS_MOST = 64 };

struct mapping {
    uintptr_t begin, end;
    bool is_writable;
    bool is_written; /* it has pages of its own */
    bool is_locked;  /* by a protection key */
    bool is_plain; /* nothing was asked of the kernel for it but to be read and written */
};

/* ---- which ---- */

static bool
read_header(const char *line, struct mapping *mapping)
{
    unsigned long begin, end;
    char flags[5];

    if (sscanf(line, "%lx-%lx %4s", &begin, &end, flags) != 3)
        return false;
    *mapping =
        (struct mapping){.begin = begin, .end = end, .is_writable = flags[1] == 'w'};
    return true;
}

/* Two letters each: readable, writable; that it may become so; accounted; soft-dirty. Shared memory, a
 * stack that grows, memory for no child, code: all have others. */
static bool
are_plain(char *flags)
{
    static const char plain[] = " rd wr mr mw me ac sd ";
    bool is_readable = false;
    char *rest, *flag;

    for (flag = strtok_r(flags, " \n", &rest); flag != NULL;
         flag = strtok_r(NULL, " \n", &rest)) {
        if (strstr(plain, flag) == NULL)
            return false;
        is_readable |= strcmp(flag, "rd") == 0;
    }
    return is_readable;
}

/* The number in a line that begins so; 0 if it does not. */
static unsigned long
number_in(const char *line, const char *name)
{
    size_t length = strlen(name);

    return strncmp(line, name, length) == 0 ? strtoul(line + length, NULL, 10) : 0;
}

/* The last line of a mapping is that of its flags. */
static bool
read_line(char *line, struct mapping *mapping)
{
    static const char flags[] = "VmFlags:";

    if (read_header(line, mapping))
        return false;
    if (number_in(line, "Anonymous:") > 0)
        mapping->is_written = true;
    if (number_in(line, "ProtectionKey:") > 0)
        mapping->is_locked = true;
    if (strncmp(line, flags, strlen(flags)) != 0)
        return false;
    mapping->is_plain = !mapping->is_locked && are_plain(line + strlen(flags));
    return true;
}

/* What lies around `here` is the stack, which changes while it is copied. */
static bool
is_movable(const struct mapping *mapping, uintptr_t here)
{
    return mapping->is_written && mapping->is_plain &&
           mapping->end - mapping->begin <= SIZE_MOST &&
           (here < mapping->begin || here >= mapping->end);
}

/* One after the other, and alike: they are one from now on. */
static bool
continues(const struct mapping *mapping, const struct mapping *before)
{
    return mapping->begin == before->end && mapping->is_writable == before->is_writable &&
           mapping->end - before->begin <= SIZE_MOST;
}

static size_t
add(struct mapping *mappings, size_t count, const struct mapping *mapping)
{
    if (count == 0 || !continues(mapping, &mappings[count - 1])) {
        mappings[count] = *mapping;
        return count + 1;
    }
    mappings[count - 1].end = mapping->end;
    return count;
}

static size_t
list_movable(struct mapping *mappings)
{
    FILE *file = WARD__NEW(fopen("/proc/self/smaps", "re"));
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    struct mapping mapping = {.is_plain = false};
    size_t count = 0, room = 0;
    char *line = NULL;

    if (file == NULL)
        return 0;
    while (count < MAPPINGS_MOST && getline(&line, &room, file) > 0)
        if (read_line(line, &mapping) && is_movable(&mapping, here))
            count = add(mappings, count, &mapping);
    free(line);
    fclose(file);
    return count;
}

/* ---- moving ---- */

/*
 * Pages of zeros need not be copied. By `memory`, for a page may lie behind the end of its file.
 * A fault may hit the copy, not each of its pages: they can be thousands, and fail alike.
 */
static bool
copy(int memory, const struct mapping *from, uint8_t *to)
{
    static const uint8_t zeros[4096];
    uint8_t page[sizeof zeros];

    if (ward__fault_due())
        return false;
    for (uintptr_t at = from->begin; at < from->end; at += sizeof page) {
        if (pread(memory, page, sizeof page, (off_t)at) != sizeof page)
            return false;
        if (memcmp(page, zeros, sizeof page) != 0)
            memcpy(to + (at - from->begin), page, sizeof page);
    }
    return true;
}

/* The last step takes away what was there and puts the copy in its place, at once. */
static bool
replace(int memory, const struct mapping *mapping, void *room, size_t size)
{
    if (!copy(memory, mapping, room))
        return false;
    if (!mapping->is_writable && WARD__SYS(mprotect(room, size, PROT_READ)) < 0)
        return false;
    return !ward__fault_due() && mremap(room, size, size, MREMAP_MAYMOVE | MREMAP_FIXED,
                                        (void *)mapping->begin) != MAP_FAILED;
}

static void
move(int memory, const struct mapping *mapping)
{
    size_t size = mapping->end - mapping->begin;
    void *room = ward__fault_due() ? MAP_FAILED
                                   : mmap(NULL, size, PROT_READ | PROT_WRITE,
                                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (room != MAP_FAILED && !replace(memory, mapping, room, size))
        munmap(room, size);
}

void
ward__ancestry_leave(void)
{
    struct mapping mappings[MAPPINGS_MOST];
    size_t count = list_movable(mappings);
    int memory = WARD__SYS(open("/proc/self/mem", O_RDONLY | O_CLOEXEC));

    for (size_t i = 0; memory >= 0 && i < count; i++)
        move(memory, &mappings[i]);
    ward__fd_close(&memory);
}
