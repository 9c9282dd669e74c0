# Runs one server, for as long as the test process holds the other end of this shell's stdin. A pipe is all that closes however
# a process ends: statics are never dropped, and nothing at all runs after `kill -9`.
#
# Started by server.rs as the leader of a process group, so that Ctrl-C in a terminal does not come here too.
dir=$1 init=$2 serve=$3

# A background job has its stdin replaced before its own redirections; a second descriptor is kept.
exec 3<&0
# This shell outlives the signal to its group.
trap : TERM
{
    trap '' TERM
    cat <&3 >/dev/null
    : >over
    # Not by SIGINT or SIGQUIT, which are ignored below a job that a script has put into the background: these would spare
    # whatever creates the data. The servers set their own handlers, and at SIGQUIT PostgreSQL waits for no client.
    kill -TERM 0
    kill -QUIT "$(cat pid)"
    sleep 5
    kill -KILL "$(cat pid)" || kill -KILL 0
} 2>/dev/null &

sh -c "exec $init" </dev/null 3<&- &&
    [ ! -e over ] &&
    sh -c "echo \$\$ >pid; exec $serve" </dev/null 3<&-

# The watcher must not kill another process that was given the same pid; server.rs must not wait for a server that gave up.
rm -f pid
: >ended
# Until the log has been read or, where a server broke down halfway, until the tests are over.
[ -e over ] || wait

cd /
rm -rf "$dir"
kill -KILL 0
