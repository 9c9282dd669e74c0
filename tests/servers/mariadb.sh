# MariaDB or MySQL: how it is found, installed and started. `tests/run` and `tests/src/server.rs` read this.
name='MariaDB or MySQL'
# Names a running server to use instead.
variable=VERSIONED_TEST_MYSQL_URL
# As Debian calls them. (Not `mariadb-server`, which would also start a service.)
packages='mariadb-server-core mariadb-client-core'
# Runs the server where the tests run as root, which no server here wants to be.
account=mysql

# Prints the program: the one that VERSIONED_TEST_MYSQLD names, or what is installed.
program() (
    PATH=$PATH:/usr/sbin:/usr/local/sbin:/usr/libexec
    [ -z "${VERSIONED_TEST_MYSQLD:-}" ] || { echo "$VERSIONED_TEST_MYSQLD" && return; }
    command -v mariadbd || command -v mysqld
)

is_mariadb() { "$(program)" --version | grep -q MariaDB; }

# Runs a program with what both `init` and `serve` need.
with_data() {
    program=$1
    shift
    ! is_mariadb || set -- --innodb-log-file-size=64M "$@"
    exec "$program" --no-defaults --datadir="$dir/data" --innodb-buffer-pool-size=64M "$@"
}

# Makes the data, in `$dir/data`: root without a password, for any user of the system. Beside other servers on a busy machine
# it ends by itself now and then: it is made from the beginning then.
init() {
    local turn
    for turn in 1 2 3; do
        (make_data) && return
        echo "attempt $turn to make the data failed"
        tail -n 50 "$dir/data"/*.err 2>/dev/null
        rm -rf "${dir:?}/data"
    done
    return 1
}

make_data() {
    if is_mariadb; then
        with_data "$(command -v mariadb-install-db || command -v mysql_install_db)" \
            --auth-root-authentication-method=normal --skip-test-db
    else
        with_data "$(program)" --initialize-insecure
    fi
}

# Becomes the server, on `$port`.
serve() {
    # A second port and a directory of the system's, which two servers could not share; and what MariaDB leaves off.
    is_mariadb || set -- --mysqlx=OFF --secure-file-priv=NULL --performance-schema=OFF
    # Nothing of this outlives the tests.
    with_data "$(program)" "$@" --bind-address=127.0.0.1 --port="$port" --socket="$dir/socket" \
        --pid-file="$dir/mysqld.pid" --max-connections=200 --default-time-zone=+00:00 \
        --skip-log-bin --sync-binlog=0 --innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=OFF
}
