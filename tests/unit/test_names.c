/* The words of the public tables: ipc/names.c. */
#include <errno.h>

#include <ward/error.h>
#include <ward/event.h>
#include <ward/failure.h>
#include <ward/strategy.h>

#include "tests/unit/support.h"

#define WORD(name, text) text,
static const char *const causes[] = {WARD_CAUSES(WORD)};
static const char *const phases[] = {WARD_PHASES(WORD)};
static const char *const bys[] = {WARD_BYS(WORD)};
static const char *const events[] = {WARD_EVENTS(WORD)};
static const char *const letters[] = {WARD_LETTERS(WORD)};
#undef WORD

#define BOTH(name, number, text) {number, "WARD_" #name, text},
static const struct {
    int code;
    const char *name, *text;
} errors[] = {WARD_ERRORS(BOTH)};
#undef BOTH

static void
every_number_has_the_word_of_its_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(causes); i++)
        assert_string_equal(ward_cause_name((ward_cause)i), causes[i]);
    for (size_t i = 0; i < COUNT_OF(phases); i++)
        assert_string_equal(ward_phase_name((ward_phase)i), phases[i]);
    for (size_t i = 0; i < COUNT_OF(bys); i++)
        assert_string_equal(ward_by_name((ward_by)i), bys[i]);
    for (size_t i = 0; i < COUNT_OF(events); i++)
        assert_string_equal(ward_event_name((ward_event_kind)i), events[i]);
    for (size_t i = 0; i < COUNT_OF(letters); i++)
        assert_string_equal(ward_letter_name((ward_letter)i), letters[i]);
    assert_string_equal(ward_directive_name(WARD_DIRECTIVE_RESTART), "restart");
    assert_string_equal(ward_directive_name(WARD_DIRECTIVE_STOP), "stop");
    assert_string_equal(ward_directive_name(WARD_DIRECTIVE_ESCALATE), "escalate");
}

static void
words_differ_within_their_table(void **state)
{
    const struct {
        const char *const *words;
        size_t count;
    } tables[] = {{causes, COUNT_OF(causes)},
                  {phases, COUNT_OF(phases)},
                  {bys, COUNT_OF(bys)},
                  {events, COUNT_OF(events)},
                  {letters, COUNT_OF(letters)}};

    (void)state;
    for (size_t t = 0; t < COUNT_OF(tables); t++)
        for (size_t i = 0; i < tables[t].count; i++)
            for (size_t j = 0; j < i; j++)
                assert_string_not_equal(tables[t].words[i], tables[t].words[j]);
}

static void
a_wrong_number_is_a_question_mark(void **state)
{
    static const int wrong[] = {99, -1, 1 << 30};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_string_equal(ward_cause_name((ward_cause)wrong[i]), "?");
        assert_string_equal(ward_phase_name((ward_phase)wrong[i]), "?");
        assert_string_equal(ward_by_name((ward_by)wrong[i]), "?");
        assert_string_equal(ward_event_name((ward_event_kind)wrong[i]), "?");
        assert_string_equal(ward_letter_name((ward_letter)wrong[i]), "?");
        assert_string_equal(ward_directive_name((ward_directive)wrong[i]), "?");
    }
    assert_string_equal(ward_cause_name((ward_cause)COUNT_OF(causes)), "?");
    assert_string_equal(ward_letter_name((ward_letter)COUNT_OF(letters)), "?");
    assert_string_equal(ward_directive_name((ward_directive)0), "?");
}

static void
wards_codes_have_name_and_text_with_either_sign(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(errors); i++) {
        assert_int_equal(errors[i].code, 4096 + (int)i);
        for (int sign = -1; sign <= 1; sign += 2) {
            assert_string_equal(ward_error_name(sign * errors[i].code), errors[i].name);
            assert_string_equal(ward_strerror(sign * errors[i].code), errors[i].text);
        }
    }
}

static void
the_systems_codes_are_said_as_the_system_says_them(void **state)
{
    (void)state;
    for (int code = 1; code < 130; code++) {
        const char *name = strerrorname_np(code);
        assert_string_equal(ward_error_name(-code), name != NULL ? name : "?");
        assert_string_equal(ward_error_name(code), name != NULL ? name : "?");
        if (name != NULL)
            assert_string_equal(ward_strerror(-code), strerrordesc_np(code));
    }
    assert_string_equal(ward_error_name(-EAGAIN), "EAGAIN");
}

static void
an_unknown_code_has_a_text_too(void **state)
{
    static const int wrong[] = {4000, -4000, 4095, 4111, -99999, INT32_MAX, -INT32_MAX};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_string_equal(ward_error_name(wrong[i]), "?");
        assert_string_equal(ward_strerror(wrong[i]), "unknown error");
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_has_the_word_of_its_table),
        cmocka_unit_test(words_differ_within_their_table),
        cmocka_unit_test(a_wrong_number_is_a_question_mark),
        cmocka_unit_test(wards_codes_have_name_and_text_with_either_sign),
        cmocka_unit_test(the_systems_codes_are_said_as_the_system_says_them),
        cmocka_unit_test(an_unknown_code_has_a_text_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
