#include "supervisor/setup.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ipc/fault.h"

struct ward__setup *
ward__setup_new(void)
{
    void *memory;

    if (ward__fault_due())
        return NULL;
    memory = mmap(NULL, sizeof(struct ward__setup), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void
ward__setup_failed(struct ward__setup *setup, int step, int error)
{
    atomic_fetch_add(&setup->count, 1);
    for (size_t i = 0; i < WARD__SETUP_NOTES; i++) {
        struct ward__setup_note *note = &setup->notes[i];
        int32_t nobody = 0;

        if (!atomic_compare_exchange_strong(&note->pid, &nobody, (int32_t)getpid()))
            continue;
        note->error = error;
        note->step = step;
        return;
    }
}

int
ward__setup_leave(struct ward__setup *setup)
{
    return WARD__SYS(munmap(setup, sizeof *setup)) < 0 ? -errno : 0;
}

int
ward__setup_take(struct ward__setup *setup, pid_t pid, int *error)
{
    if (atomic_load(&setup->count) == 0)
        return 0;
    for (size_t i = 0; i < WARD__SETUP_NOTES; i++) {
        struct ward__setup_note *note = &setup->notes[i];
        int step;

        if (atomic_load(&note->pid) != (int32_t)pid)
            continue;
        step = note->step;
        *error = note->error;
        note->step = 0;
        atomic_store(&note->pid, 0);
        atomic_fetch_sub(&setup->count, 1);
        return step;
    }
    return 0;
}
