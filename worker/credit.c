#include <errno.h>
#include <stdlib.h>

#include "ipc/fault.h"
#include "worker/worker.h"

/* What may be sent to one actor. */
struct ward__account {
    ward_ref to;
    struct ward__purse left;
    /* What was left when more was granted last; nothing once the host was to see that half is gone. */
    struct ward__purse begun;
    bool is_refused; /* its mailbox was full, and nothing was granted since */
    RB_ENTRY(ward__account) by_ref;
};

static int
compare(const struct ward__account *a, const struct ward__account *b)
{
    if (a->to.id != b->to.id)
        return a->to.id < b->to.id ? -1 : 1;
    return (a->to.nonce > b->to.nonce) - (a->to.nonce < b->to.nonce);
}

RB_GENERATE_INTERNAL(ward__accounts, ward__account, by_ref, compare,
                     static __attribute__((unused)))

static struct ward__account *
find(struct ward__worker *w, ward_ref to)
{
    struct ward__account key = {.to = to};

    if (w->recent_account == NULL || !ward_ref_equal(w->recent_account->to, to))
        w->recent_account = RB_FIND(ward__accounts, &w->accounts, &key);
    return w->recent_account;
}

static struct ward__account *
find_or_open(struct ward__worker *w, ward_ref to)
{
    struct ward__account *account = find(w, to);

    if (account != NULL)
        return account;
    account = WARD__NEW(calloc(1, sizeof *account));
    if (account == NULL)
        return NULL;
    account->to = to;
    account->left = account->begun = w->credit;
    RB_INSERT(ward__accounts, &w->accounts, account);
    return account;
}

void
ward__credit_granted(struct ward__worker *w, const struct ward__grant *grant)
{
    struct ward__account *account = find(w, grant->to);

    if (account == NULL)
        return;
    if (grant->more.messages == 0 && grant->more.bytes == 0) {
        RB_REMOVE(ward__accounts, &w->accounts, account);
        w->recent_account = NULL;
        free(account);
        return;
    }
    ward__purse_add(&account->left, &grant->more);
    account->begun = account->left;
    account->is_refused = false;
}

static void
pack_credit(struct ward__sink *sink, const void *what)
{
    ward__wire_credit(sink, what);
}

/* Publishes early, as each question does, unless the handler has sent nothing yet. */
static int
ask_host(struct ward__worker *w, ward_ref to, int timeout_ms)
{
    struct ward__credit_frame asked = {.to = to, .timeout_ms = timeout_ms};
    struct ward__answer answer;

    return ward__call_to_finish(w, &asked.request, pack_credit, &asked, &answer);
}

/* More credit, from what has been granted already or by asking. */
static int
find_more(struct ward__worker *w, ward_ref to, int timeout_ms)
{
    struct ward__account *account;
    int result;

    if (w->is_ending)
        return -EAGAIN; /* in post_stop nothing is waited for */
    ward__inbox_look(w);
    account = find(w, to);
    if (account == NULL || !ward__purse_is_empty(&account->left))
        return 0;
    if (account->is_refused)
        return -EAGAIN;
    result = ask_host(w, to, timeout_ms);
    account = find(w, to);
    if (result == -EAGAIN && account != NULL)
        account->is_refused = true;
    return result;
}

int
ward__credit_take(struct ward__worker *w, ward_ref to, int timeout_ms,
                  struct ward__account **account)
{
    int result = 0;

    do {
        *account = find_or_open(w, to);
        if (*account == NULL)
            return -ENOMEM;
        if (!ward__purse_is_empty(&(*account)->left))
            return 0;
        result = find_more(w, to, timeout_ms);
    } while (result == 0);
    return result;
}

/* Half of all there may be, and half of what it began with. */
static bool
is_half(int64_t left, int64_t whole, int64_t begun)
{
    return left <= whole / 2 && left <= begun / 2;
}

void
ward__credit_charge(struct ward__worker *w, struct ward__account *account, size_t size)
{
    ward__purse_pay(&account->left, size);
    if (is_half(account->left.messages, w->credit.messages, account->begun.messages) ||
        is_half(account->left.bytes, w->credit.bytes, account->begun.bytes)) {
        w->is_credit_low = true;
        account->begun = (struct ward__purse){0, 0};
    }
}
