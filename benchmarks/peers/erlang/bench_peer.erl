%% Erlang's side of the benchmarks: erl -noshell -run bench_peer main WORK COUNT
%%
%% Prints nanoseconds for one operation (bytes, for idle). The work runs in a process of its own, once
%% with a tenth of the operations to warm up.
-module(bench_peer).
-export([main/1]).

main([Name, Count]) ->
    Work = list_to_existing_atom(Name),
    N = list_to_integer(Count),
    in_process(Work, max(1, N div 10)),
    io:format("~.2f~n", [in_process(Work, N)]),
    halt(0).

in_process(Work, N) ->
    Self = self(),
    spawn_link(fun() -> Self ! {result, measure(Work, N)} end),
    receive {result, Cost} -> Cost end.

measure(ping_pong, N) ->
    Pong = spawn_link(fun pong/0),
    timed(N, fun() -> ping(Pong, 0, N) end);
measure(ask, N) ->
    Server = spawn_link(fun server/0),
    timed(N, fun() -> ask(Server, 0, N) end);
measure(idle, N) ->
    erlang:garbage_collect(),
    Before = erlang:memory(total),
    Waiting = [spawn(fun idle/0) || _ <- lists:seq(1, N)],
    erlang:garbage_collect(),
    List = N * 2 * erlang:system_info(wordsize),  % of Waiting itself: a cons cell each
    Bytes = (erlang:memory(total) - Before - List) / N,
    [Pid ! stop || Pid <- Waiting],
    Bytes.

timed(N, Work) ->
    Began = erlang:monotonic_time(nanosecond),
    Work(),
    (erlang:monotonic_time(nanosecond) - Began) / N.

%% Message ping-pong: the answer goes to the process that the message names.

ping(Pong, N, N) ->
    Pong ! stop;
ping(Pong, I, N) ->
    Pong ! {self(), I},
    receive Next -> ping(Pong, Next, N) end.

pong() ->
    receive
        {From, I} -> From ! I + 1, pong();
        stop -> ok
    end.

%% Request and response: the answer is told from everything else in the mailbox by a reference.
%% gen_server:call does that and monitors the server too, which is dearer.

ask(Server, N, N) ->
    Server ! stop;
ask(Server, I, N) ->
    Ref = make_ref(),
    Server ! {ask, self(), Ref, I},
    receive {Ref, Next} -> ask(Server, Next, N) end.

server() ->
    receive
        {ask, From, Ref, I} -> From ! {Ref, I + 1}, server();
        stop -> ok
    end.

idle() ->
    receive stop -> ok end.
