#!/usr/bin/env escript
%% port.escript PROGRAM FIGURE COUNT: what an Erlang port does of a figure's work. Prints its
%% values, one a line.
-mode(compile).

-define(OUTSTANDING, 1000).
-define(SEGMENTATION_FAULT, 139).

main([Program, Figure, Count]) ->
    Values = measure(Figure, list_to_integer(Count), Program),
    [io:format("~.6f~n", [float(Value)]) || Value <- Values].

measure("ask_rtt", Count, Program) ->
    Port = open(Program),
    Payload = payload(),
    Times = [rtt(Port, Payload) || _ <- lists:seq(1, Count)],
    [quantile(Times, 0.5)];
measure("ask_pipelined", Count, Program) ->
    Port = open(Program),
    Payload = payload(),
    First = min(Count, ?OUTSTANDING),
    Begun = now_us(),
    [port_command(Port, Payload) || _ <- lists:seq(1, First)],
    pipelined(Port, Payload, Count - First, Count),
    [Count / (now_us() - Begun) * 1.0e6];
measure("restart", Count, Program) ->
    process_flag(trap_exit, true),
    really_crashes(Program),
    Times = restarts(open(Program), payload(), Program, Count),
    [quantile(Times, 0.5), quantile(Times, 0.99)].

open(Program) ->
    open(Program, []).

open(Program, More) ->
    open_port({spawn_executable, Program}, [{packet, 4}, binary | More]).

rtt(Port, Payload) ->
    Begun = now_us(),
    echo(Port, Payload),
    now_us() - Begun.

echo(Port, Payload) ->
    port_command(Port, Payload),
    receive {Port, {data, Payload}} -> ok end.

pipelined(_, _, 0, 0) ->
    ok;
pipelined(Port, Payload, ToAsk, ToHear) ->
    receive {Port, {data, Payload}} -> ok end,
    case ToAsk of
        0 -> pipelined(Port, Payload, 0, ToHear - 1);
        _ ->
            port_command(Port, Payload),
            pipelined(Port, Payload, ToAsk - 1, ToHear - 1)
    end.

%% To be told how it ended would take longer than to be told that it ended: once is enough.
really_crashes(Program) ->
    Port = open(Program, [exit_status]),
    port_command(Port, <<"!">>),
    receive {Port, {exit_status, ?SEGMENTATION_FAULT}} -> ok end.

restarts(_, _, _, 0) ->
    [];
restarts(Port, Payload, Program, Count) ->
    Begun = now_us(),
    port_command(Port, <<"!">>),
    receive {'EXIT', Port, _} -> ok end,
    Next = open(Program),
    echo(Next, Payload),
    [now_us() - Begun | restarts(Next, Payload, Program, Count - 1)].

payload() ->
    <<"ward", 0:480>>.

now_us() ->
    erlang:monotonic_time(nanosecond) / 1000.

quantile(Values, Share) ->
    lists:nth(round((length(Values) - 1) * Share) + 1, lists:sort(Values)).
