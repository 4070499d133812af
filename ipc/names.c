/* The words for everything that an X-macro of the public headers lists. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include <ward/error.h>
#include <ward/event.h>
#include <ward/failure.h>
#include <ward/manage.h>
#include <ward/strategy.h>

struct error_text {
    int code;
    const char *name;
    const char *text;
};

static const struct error_text own_errors[] = {
#define ERROR_TEXT(name, number, text) {number, "WARD_" #name, text},
    WARD_ERRORS(ERROR_TEXT)
#undef ERROR_TEXT
};

static const struct error_text *
own_error(int code)
{
    for (size_t i = 0; i < sizeof own_errors / sizeof own_errors[0]; i++)
        if (own_errors[i].code == code)
            return &own_errors[i];
    return NULL;
}

const char *
ward_strerror(int code)
{
    int positive = code < 0 && code > INT_MIN ? -code : code;
    const struct error_text *own = own_error(positive);
    const char *text = own != NULL ? own->text : strerrordesc_np(positive);

    return text != NULL ? text : "unknown error";
}

const char *
ward_error_name(int code)
{
    int positive = code < 0 && code > INT_MIN ? -code : code;
    const struct error_text *own = own_error(positive);
    const char *name = own != NULL ? own->name : strerrorname_np(positive);

    return name != NULL ? name : "?";
}

#define WORD(name, text) text,
static const char *const cause_words[] = {WARD_CAUSES(WORD)};
static const char *const phase_words[] = {WARD_PHASES(WORD)};
static const char *const by_words[] = {WARD_BYS(WORD)};
static const char *const event_words[] = {WARD_EVENTS(WORD)};
static const char *const letter_words[] = {WARD_LETTERS(WORD)};
static const char *const report_words[] = {WARD_REPORTS(WORD)};
#undef WORD

static const char *
word(const char *const *words, size_t count, size_t index)
{
    return index < count ? words[index] : "?";
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *
ward_cause_name(ward_cause cause)
{
    return word(cause_words, COUNT(cause_words), (size_t)cause);
}

const char *
ward_phase_name(ward_phase phase)
{
    return word(phase_words, COUNT(phase_words), (size_t)phase);
}

const char *
ward_by_name(ward_by by)
{
    return word(by_words, COUNT(by_words), (size_t)by);
}

const char *
ward_event_name(ward_event_kind kind)
{
    return word(event_words, COUNT(event_words), (size_t)kind);
}

const char *
ward_letter_name(ward_letter letter)
{
    return word(letter_words, COUNT(letter_words), (size_t)letter);
}

const char *
ward_report_name(ward_report report)
{
    return word(report_words, COUNT(report_words), (size_t)report);
}

const char *
ward_child_state_name(ward_child_state state)
{
    static const char *const words[] = {"?",          "starting", "up",    "stopping",
                                        "restarting", "waiting",  "absent"};

    return word(words, COUNT(words), (size_t)state);
}

const char *
ward_directive_name(ward_directive directive)
{
    switch (directive) {
    case WARD_DIRECTIVE_RESTART:
        return "restart";
    case WARD_DIRECTIVE_STOP:
        return "stop";
    case WARD_DIRECTIVE_ESCALATE:
        return "escalate";
    }
    return "?";
}

const char *
ward_end_name(ward_end end)
{
    static const char *const words[] = {
        [WARD_END_NORMAL] = "normal",
        [WARD_END_FAILURE] = "failure",
        [WARD_END_STOPPED] = "stopped",
        [WARD_END_KILLED] = "killed",
    };

    return word(words, COUNT(words), (size_t)end);
}
