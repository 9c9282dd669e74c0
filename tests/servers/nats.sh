# NATS with JetStream: how it is found, installed and started. `tests/run` and `tests/src/server.rs` read this.
name=NATS
# No running server is used instead: each test has its own, which it may kill.
variable=
# As Debian calls it.
packages=nats-server
# Runs the server where the tests run as root, which no server here wants to be.
account=nats

# Prints the program.
program() (
    PATH=$PATH:/usr/sbin:/usr/local/sbin
    command -v nats-server
)

# The server makes its data itself.
init() { :; }

# Becomes the server, on `$port`.
serve() { exec "$(program)" -js -sd "$dir/data" -a 127.0.0.1 -p "$port"; }
