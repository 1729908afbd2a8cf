%% Erlang's distribution between two nodes of this host:
%%
%%   erl -name NAME@127.0.0.1 -setcookie COOKIE -noshell -pa DIR -run remote_peer main WORK COUNT
%%
%% Prints nanoseconds for one operation. The client is this node; it starts the server's node, with
%% as many schedulers, which ends with it. The work runs once with a tenth of the operations to warm up.
-module(remote_peer).
-export([main/1, server/1]).

main([Name, Count]) ->
    Work = list_to_existing_atom(Name),
    N = list_to_integer(Count),
    {ok, _, Node} = peer:start_link(#{name => server, host => "127.0.0.1", longnames => true,
                                      args => arguments()}),
    Server = spawn_link(Node, ?MODULE, server, [0]),
    in_process(Work, Server, max(100, N div 10)),
    io:format("~.2f~n", [in_process(Work, Server, N)]),
    halt(0).

arguments() ->
    Schedulers = integer_to_list(erlang:system_info(schedulers)),
    ["+S", Schedulers ++ ":" ++ Schedulers, "-pa", filename:dirname(code:which(?MODULE)),
     "-setcookie", atom_to_list(erlang:get_cookie()), "-start_epmd", "false",
     "-kernel", "inet_dist_use_interface", "{127,0,0,1}"].

in_process(Work, Server, N) ->
    Self = self(),
    spawn_link(fun() -> Self ! {result, timed(N, fun() -> do(Work, Server, N) end)} end),
    receive {result, Cost} -> Cost end.

timed(N, Work) ->
    Began = erlang:monotonic_time(nanosecond),
    Work(),
    (erlang:monotonic_time(nanosecond) - Began) / N.

%% Requests, one at a time.
do(remote_ask, Server, N) ->
    ask_repeatedly(Server, N);
%% Requests, a hundred under way: so many processes ask, each one at a time.
do(remote_ask_hundred, Server, N) ->
    Self = self(),
    Each = N div 100,
    [spawn_link(fun() -> ask_repeatedly(Server, Each), Self ! done end) || _ <- lists:seq(1, 100)],
    [receive done -> ok end || _ <- lists:seq(1, 100)];
%% Requests, a hundred under way: one process asks, and knows its questions by their references.
do(remote_ask_by_one, Server, N) ->
    keep_asking(Server, 100, N - 100, maps:from_list([ask_later(Server, I) || I <- lists:seq(1, 100)]));
%% Messages that nobody answers; the request at the end finds all of them arrived.
do(remote_send, Server, N) ->
    Payload = binary:copy(<<"x">>, 64),
    send_repeatedly(Server, Payload, N),
    N = ask(Server, arrived).

ask_repeatedly(Server, N) ->
    N = lists:foldl(fun(_, Number) -> ask(Server, Number) end, 0, lists:seq(1, N)).

ask(Server, Question) ->
    Ref = make_ref(),
    Server ! {ask, self(), Ref, Question},
    receive {Ref, Answer} -> Answer end.

ask_later(Server, Number) ->
    Ref = make_ref(),
    Server ! {ask, self(), Ref, Number},
    {Ref, Number}.

keep_asking(_, 0, 0, _) ->
    ok;
keep_asking(Server, Waiting, Left, Asked) ->
    receive
        {Ref, Answer} ->
            {Number, Others} = maps:take(Ref, Asked),
            Answer = Number + 1,
            case Left of
                0 -> keep_asking(Server, Waiting - 1, 0, Others);
                _ ->
                    {Next, Value} = ask_later(Server, Left),
                    keep_asking(Server, Waiting, Left - 1, Others#{Next => Value})
            end
    end.

send_repeatedly(_, _, 0) ->
    ok;
send_repeatedly(Server, Payload, N) ->
    Server ! {message, Payload},
    send_repeatedly(Server, Payload, N - 1).

server(Arrived) ->
    receive
        {message, Bytes} when byte_size(Bytes) =:= 64 -> server(Arrived + 1);
        {ask, From, Ref, arrived} -> From ! {Ref, Arrived}, server(0);
        {ask, From, Ref, Number} -> From ! {Ref, Number + 1}, server(Arrived)
    end.
