# Runs one server, for as long as the test process holds the other end of this shell's stdin. A pipe is all that closes however
# a process ends: statics are never dropped, and nothing at all runs after `kill -9`.
#
# Started by supervisor.rs as the leader of a process group, so that Ctrl-C in a terminal does not come here too. The server is
# what `description` says, a file of tests/servers, which reads `dir` and `port`. It runs `once`; or it is started `again`
# whenever it ends, as a service manager does, unless the file `down` is there.
description=$1 how=$2
export dir port

# A background job has its stdin replaced before its own redirections; a second descriptor is kept.
exec 3<&0
{
    cat <&3 >/dev/null
    : >over
    [ ! -e ended ] || exit
    # At this signal PostgreSQL waits for no client. What creates the data gets none, which would leave its shared memory
    # behind: it is soon done. Again and again, because a server that only just starts may miss it.
    for _ in 1 2 3 4 5; do
        kill -QUIT "$(cat pid)"
        # One that ends has its pid taken away.
        for _ in 1 2 3 4 5 6 7 8 9 10; do
            [ -e pid ] || break 2
            sleep 0.1
        done
    done
    kill -KILL "$(cat pid)"
    cd /
    rm -rf "$dir"
    kill -KILL 0
} 2>/dev/null &

sh -c "$description
init" </dev/null 3<&- && while [ ! -e over ]; do
    if [ ! -e down ]; then
        sh -c "echo \$\$ >pid
        $description
        serve" </dev/null 3<&-
        rm -f pid
        [ "$how" = again ] || break
    fi
    sleep 0.05
done

# Another process may be given the same pid; server.rs must not wait for a server that gave up.
rm -f pid
: >ended
# Until the log has been read or, where a server broke down halfway, until the tests are over.
[ -e over ] || wait

cd /
rm -rf "$dir"
kill -KILL 0
