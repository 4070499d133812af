#include "supervisor/conduct.h"

#include <assert.h>

/* Kinds of frames that are treated alike. */
enum act {
    ACT_READY,
    ACT_IGNORE, /* READY with WARD_START_IGNORE */
    ACT_TELL,   /* TELL, LOG */
    ACT_CALL,   /* the other verbs */
    ACT_UNHANDLED,
    ACT_RAISED,
    ACT_QUIET,
    ACT_BYE,
    ACT_COUNT
};

enum { BAD = -1 };

#define BORN WARD__STAGE_BORN
#define UP WARD__STAGE_UP
#define RAISED WARD__STAGE_RAISED
#define QUIET WARD__STAGE_QUIET
#define LAST WARD__STAGE_LAST
#define GONE WARD__STAGE_GONE

static const int next_stage[WARD__STAGE_COUNT][ACT_COUNT] = {
    /* clang-format off */
    /*            READY IGNORE TELL  CALL  UNHANDLED RAISED  QUIET  BYE  */
    [BORN]     = {UP,   GONE,  BORN, BORN, BAD,      RAISED, BAD,   BAD },
    [UP]       = {BAD,  BAD,   UP,   UP,   UP,       RAISED, QUIET, BAD },
    [RAISED]   = {BAD,  BAD,   BAD,  BAD,  BAD,      BAD,    BAD,   BAD },
    [QUIET]    = {BAD,  BAD,   BAD,  BAD,  BAD,      BAD,    BAD,   BAD },
    [LAST]     = {BAD,  BAD,   LAST, LAST, BAD,      LAST,   BAD,   GONE},
    [GONE]     = {BAD,  BAD,   BAD,  BAD,  BAD,      BAD,    BAD,   BAD },
    /* clang-format on */
};

static enum act
act_of(const struct ward__frame *frame)
{
    switch (frame->kind) {
    case WARD__READY:
        return frame->as.ready == 0 ? ACT_READY : ACT_IGNORE;
    case WARD__TELL:
    case WARD__LOG:
        return ACT_TELL;
    case WARD__UNHANDLED:
        return ACT_UNHANDLED;
    case WARD__RAISED:
        return ACT_RAISED;
    case WARD__QUIET:
        return ACT_QUIET;
    case WARD__BYE:
        return ACT_BYE;
    default:
        return ACT_CALL;
    }
}

int
ward__conduct(enum ward__stage stage, const struct ward__frame *frame, bool is_cleanup)
{
    enum act act = act_of(frame);

    assert(stage < WARD__STAGE_COUNT);
    if (is_cleanup && act == ACT_CALL)
        return BAD;
    return next_stage[stage][act];
}

const char *
ward__stage_name(enum ward__stage stage)
{
    static const char *const names[] = {
#define NAME(name) #name,
        WARD__STAGES(NAME)
#undef NAME
    };

    return stage < WARD__STAGE_COUNT ? names[stage] : "?";
}
