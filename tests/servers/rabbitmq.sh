# RabbitMQ: how it is found, installed and started. `tests/run` and `tests/src/server.rs` read this.
name=RabbitMQ
# Names a running server to use instead, by the URL of a user who may do anything in the virtual host.
variable=VERSIONED_TEST_RABBITMQ_URL
# As Debian calls it. Its service may start with it: it uses other ports and directories.
packages=rabbitmq-server
# Runs the server where the tests run as root, which no server here wants to be.
account=rabbitmq

# Prints the directory of the scripts: the one that VERSIONED_TEST_RABBITMQ names, or what is installed. Not those in `/usr/sbin`,
# which change the user and the directory.
program() (
    [ -z "${VERSIONED_TEST_RABBITMQ:-}" ] || { echo "$VERSIONED_TEST_RABBITMQ" && return; }
    for scripts in /usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin; do
        [ -x "$scripts/rabbitmq-server" ] && PATH=$PATH:/usr/sbin:/usr/local/sbin command -v erl >/dev/null &&
            echo "$scripts" && return
    done
)

# Where everything of this server is. `rabbitmqctl` is told the same.
environment() {
    export HOME="$dir" RABBITMQ_NODENAME="test$port@localhost" RABBITMQ_NODE_PORT="$port" RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 \
        RABBITMQ_MNESIA_BASE="$dir/data" RABBITMQ_LOG_BASE="$dir/logs" RABBITMQ_LOGS=- RABBITMQ_PID_FILE="$dir/rabbitmq.pid" \
        RABBITMQ_PLUGINS_EXPAND_DIR="$dir/plugins" RABBITMQ_ENABLED_PLUGINS_FILE="$dir/enabled_plugins" \
        RABBITMQ_FEATURE_FLAGS_FILE="$dir/feature_flags" RABBITMQ_CONF_ENV_FILE="$dir/no-such-file" \
        RABBITMQ_CONFIG_FILE="$dir/rabbitmq.conf" RABBITMQ_ADVANCED_CONFIG_FILE="$dir/advanced.config"
    # Two more ports, below those that systems hand out.
    export ERL_CRASH_DUMP_SECONDS=0 RABBITMQ_DIST_PORT=$((17500 + port % 14000)) ERL_EPMD_PORT=$((3000 + port % 14000)) ERL_EPMD_ADDRESS=127.0.0.1
}

# Writes the configuration; the server makes its data itself.
init() {
    echo '[].' >"$dir/enabled_plugins"
    # A full disk is not the subject of a test.
    cat >"$dir/rabbitmq.conf" <<-END
	disk_free_limit.absolute = 1MB
	log.console.level = warning
	END
    # How often a quorum queue renews the counts that `rabbitmqctl` prints, in milliseconds.
    echo "[{rabbit, [{quorum_tick_interval, 200}${settings:+, $settings}]}]." >"$dir/advanced.config"
}

# Becomes the server, on `$port`.
serve() {
    environment
    # The one that Erlang would start is a daemon, and would outlive the tests.
    epmd -port "$ERL_EPMD_PORT" -address 127.0.0.1 &
    # Without waiting for input, and in this process, which is the one to kill.
    export RABBITMQ_ALLOW_INPUT=1 RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none'
    exec "$(program)/rabbitmq-server" -noinput
}
