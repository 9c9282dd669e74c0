# PgBouncer in transaction mode: how it is found, installed and started. `tests/run` and `tests/src/server.rs` read this.
name=PgBouncer
# As Debian calls it.
packages=pgbouncer
# Runs the pooler where the tests run as root, which it does not want to be.
account=postgres

# Prints the program. Debian keeps it where only root looks.
program() (
    PATH=$PATH:/usr/sbin:/usr/local/sbin
    command -v pgbouncer
)

# Writes the settings: whoever comes is one user of the server, whose place and name come as variables.
init() {
    cat >"$dir/settings" <<END
[databases]
* = host=$postgres_host port=$postgres_port user=$postgres_user ${postgres_password:+password=$postgres_password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $port
unix_socket_dir =
auth_type = any
pool_mode = transaction
# Clients get each other's connections.
default_pool_size = 2
max_client_conn = 200
END
}

# Becomes the pooler, on `$port`.
serve() {
    exec "$(program)" "$dir/settings"
}
