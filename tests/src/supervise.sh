# Runs one server, for as long as the test process holds the other end of this shell's stdin. A pipe is all that closes however
# a process ends: statics are never dropped, and nothing at all runs after `kill -9`.
#
# Started by supervisor.rs as the leader of a process group, so that Ctrl-C in a terminal does not come here too.
dir=$1 init=$2 serve=$3

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
        sleep 1
    done
    kill -KILL "$(cat pid)"
    rm -rf "$dir"
    kill -KILL 0
} 2>/dev/null &

sh -c "exec $init" </dev/null 3<&- &&
    [ ! -e over ] &&
    sh -c "echo \$\$ >pid; exec $serve" </dev/null 3<&-

# Another process may be given the same pid; server.rs must not wait for a server that gave up.
rm -f pid
: >ended
# Until the log has been read or, where a server broke down halfway, until the tests are over.
[ -e over ] || wait

cd /
rm -rf "$dir"
kill -KILL 0
