#!/bin/bash
# line_server.sh SERVER CLIENT [CLIENTS REQUESTS]: the server of examples/, with crashes under load
# and with clients that behave badly, against limits, and to its end in order.
#
# The server's standard output is a pipe that all its processes hold: its end proves that none
# of them is left.
set -euo pipefail
export LC_ALL=C

server=$1 client=$2
clients=${3:-20} requests=${4:-200}
deadline=60 descriptors=1024
work=$(mktemp -d)
pid=
trap 'if [ -n "$pid" ]; then kill -KILL "$pid" 2>/dev/null || true; fi; rm -rf "$work"' EXIT
failures=0
checks=0

complain() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# check WHAT GOT EXPECTED, the latter a pattern
check() {
    checks=$((checks + 1))
    # shellcheck disable=SC2053
    [[ $2 == $3 ]] || complain "$1: '$2', not '$3'"
}

# start ARGUMENT...: sets pid, port and from, the server's output.
start() {
    local line=''
    exec {from}< <(ulimit -Sn "$descriptors" && exec "$server" "$@" 2>"$work/err")
    pid=$!
    read -r -t $deadline line <&"$from" || true
    port=${line##*:}
    check "the server's first line" "$line" "listening on 127.0.0.1:[1-9]*"
}

# end SIGNAL [SUMMARY]: it ends, with status 0 and its summary, and with it all its processes.
end() {
    local status=0
    kill -s "$1" "$pid"
    timeout $deadline cat <&"$from" >"$work/rest" || complain "SIG$1: a process is left"
    wait "$pid" || status=$?
    pid=
    exec {from}<&-
    check "SIG$1: status" "$status" 0
    check "SIG$1: what it says" "$(cat "$work/rest")" "${2:-* clients, * lines answered, * workers died}"
}

# meet, say TEXT, hear ANSWER, hear_end, leave: one connection. What is said arrives as one piece,
# which bash's own printf would send line by line.
meet() { exec {wire}<>"/dev/tcp/127.0.0.1/$port"; }
say() { env printf "$1" >&"$wire"; }
hear() {
    local line=''
    read -r -t $deadline line <&"$wire" || true
    check "an answer" "$line" "$1"
}
hear_end() {
    local line='' status=0
    read -r -t $deadline line <&"$wire" || status=$?
    check "the end" "$status,$line" "1,"
}
leave() { exec {wire}>&-; }

# run ARGUMENT...: the clients.
run() {
    checks=$((checks + 1))
    timeout $((deadline * 10)) "$client" "$@" >"$work/said" 2>&1 || complain "clients $*: $(cat "$work/said")"
}

many_at_once() {
    local each=$((requests / 50))
    start
    run load "$port" "$clients" "$requests" 10
    check "crashes" "$(cat "$work/said")" "* $((clients * each)) crashes"
    end TERM "$clients clients, $((clients * (requests + 1))) lines answered, $((clients * each)) workers died"
}

# More than all mailboxes hold: lines wait with their clients.
full_pool() {
    start --workers 1
    meet
    say 'slow 300\n'
    run load "$port" 30 300 100
    hear 'ok slept'
    leave
    end TERM
}

what_stands_behind_a_crash() {
    start --workers 1
    meet
    say 'upper a\ncrash\nupper b\nupper c\ncrash\nsum 1 2 3\nquit\nupper never\n'
    hear 'ok A'
    hear 'error the worker died: /pool/worker-* signal 11 (SIGSEGV) at 0x0*'
    hear 'ok B'
    hear 'ok C'
    hear 'error the worker died: *SIGSEGV*'
    hear 'ok 6'
    hear 'ok bye'
    hear_end
    leave
    end TERM "1 clients, 7 lines answered, 2 workers died"
}

odd_lines() {
    local long
    long=$(head -c 4089 /dev/zero | tr '\0' x)
    start
    meet
    say 'upper a\r\nupp'
    hear 'ok A' # so what came after it was read by itself
    say 'er b'
    say 'c\n\n'
    hear 'ok BC'
    hear 'error commands: *'
    say "upper $long\n"
    hear "ok ${long^^}"
    say "upper ${long}x\nsum 1 1\n"
    hear 'error the line is too long'
    hear 'ok 2'
    say "$long$long$long\nsum 1 2\n"
    hear 'error the line is too long'
    hear 'ok 3'
    say 'upper a\0b\nsum 1 x\nsum 9223372036854775807 1\nslow -1\n'
    hear 'error a line has no zero bytes'
    hear 'error sum needs numbers'
    hear 'error the sum is too large'
    hear 'error slow needs *'
    leave
    end INT
}

# The one worker has both in its queue, so when the second is answered the first was, too.
gone_with_requests_open() {
    start --workers 1
    meet
    say 'sum 1 0\nslow 100\ncrash\nslow 100\nupper nobody\n'
    hear 'ok 1'
    leave
    meet
    say 'upper somebody\n'
    hear 'ok SOMEBODY'
    leave
    end TERM "2 clients, * lines answered, 1 workers died"
}

who_does_not_read() {
    start
    run flood "$port" "$((clients * 500))"
    end TERM
}

patience() {
    start --patience 700
    meet
    say 'slow 1000\nsum 1 1\n'
    hear 'ok slept' # who waits for us is not the one that is slow
    hear 'ok 2'
    hear_end
    leave
    meet
    say 'upper unfinished'
    hear_end
    leave
    end TERM
}

# More clients than descriptors: they wait, and workers can be replaced all the time.
few_descriptors() {
    local descriptors=64
    start --workers 2
    run load "$port" 100 100 10
    end TERM "100 clients, * lines answered, 200 workers died"
}

# None at all, as when others use them up: neither client nor worker is given up.
no_descriptors() {
    local patient line
    start --workers 1
    meet
    say 'upper a\n'
    hear 'ok A'
    prlimit --pid "$pid" --nofile=3:
    say 'crash\nupper b\n'
    hear 'error the worker died: *'
    patient=$wire
    meet
    say 'upper c\n'
    exec {log}< <(tail -n +1 -f "$work/err")
    local tail_pid=$!
    while read -r -t $deadline line <&"$log" && [[ $line != *'a client has to wait'* ]]; do :; done
    kill "$tail_pid"
    exec {log}<&-
    check "the log" "$line" '*a client has to wait: Too many open files'
    prlimit --pid "$pid" --nofile=1024:
    hear 'ok C'
    leave
    wire=$patient
    hear 'ok B'
    leave
    end TERM
}

# What was taken is answered, though the server is asked to end, and a client that stays is left.
the_end() {
    start
    meet
    say 'sum 1 0\nslow 300\nupper last\n'
    hear 'ok 1'
    kill -TERM "$pid"
    hear 'ok slept'
    hear 'ok LAST'
    hear_end
    end TERM # the second signal: it does not wait for us to leave
    leave
}

bad_calls() {
    local call
    for call in '--workers 0' '--workers 65' '--port x' '--patience' '--none' 'file'; do
        # shellcheck disable=SC2086
        check "$call" "$("$server" $call 2>&1 >"$work/out" || echo "status $?")" '*usage: *status 2'
    done
}

many_at_once
full_pool
what_stands_behind_a_crash
odd_lines
gone_with_requests_open
who_does_not_read
patience
few_descriptors
no_descriptors
the_end
bad_calls

echo "$((checks - failures)) of $checks passed"
[ "$failures" -eq 0 ]
