%% Erlang's echo server: erl -noshell -run echo_server main MODE
%%
%% Prints its port and serves until it is killed. A process a client; MODE is passive (gen_tcp:recv),
%% once or active (messages).
-module(echo_server).
-export([main/1]).

main([Mode]) ->
    Active = case Mode of "passive" -> false; "once" -> once; "active" -> true end,
    {ok, Listener} = gen_tcp:listen(0, [binary, {ip, {127, 0, 0, 1}}, {active, false},
                                        {nodelay, true}, {backlog, 1024}]),
    {ok, Port} = inet:port(Listener),
    io:format("~w~n", [Port]),
    accept(Listener, Active).

accept(Listener, Active) ->
    {ok, Client} = gen_tcp:accept(Listener),
    Pid = spawn(fun() -> receive yours -> start(Client, Active) end end),
    ok = gen_tcp:controlling_process(Client, Pid),
    Pid ! yours,
    accept(Listener, Active).

start(Client, false) ->
    passive(Client);
start(Client, Active) ->
    inet:setopts(Client, [{active, Active}]),
    messages(Client, Active).

passive(Client) ->
    case gen_tcp:recv(Client, 0) of
        {ok, Bytes} -> gen_tcp:send(Client, Bytes), passive(Client);
        {error, _} -> gen_tcp:close(Client)
    end.

messages(Client, Active) ->
    receive
        {tcp, Client, Bytes} ->
            gen_tcp:send(Client, Bytes),
            Active =:= once andalso inet:setopts(Client, [{active, once}]),
            messages(Client, Active);
        {tcp_closed, Client} -> ok
    end.
