# PostgreSQL: how it is found, installed and started. `tests/run` and `tests/src/server.rs` read this.
name=PostgreSQL
# Names a running server to use instead.
variable=VERSIONED_TEST_POSTGRES_URL
# As Debian calls it. (The server cannot be had without the service.)
packages=postgresql
# Runs the server where the tests run as root, which no server here wants to be.
account=postgres

# Prints the program. Debian keeps it out of the PATH, in a directory for each version: the newest is taken.
program() {
    command -v postgres || ls -d /usr/lib/postgresql/*/bin/postgres 2>/dev/null | sort -V | tail -n 1 | grep .
}

# Makes the data, in `$dir/data`.
init() {
    # UTF-8 sorted by bytes, with messages in English, is the same on every machine.
    "$(dirname "$(program)")/initdb" -D "$dir/data" --encoding=UTF8 --locale=C --username=postgres --auth=trust --no-sync
}

# Becomes the server, on `$port`.
serve() {
    # The directory may be in memory, and nothing in it outlives the tests.
    exec "$(program)" -D "$dir/data" -c listen_addresses=127.0.0.1 -c port="$port" -c unix_socket_directories="$dir" \
        -c max_connections=200 -c shared_buffers=64MB -c max_wal_size=256MB -c timezone=UTC \
        -c fsync=off -c synchronous_commit=off -c full_page_writes=off
}
