# Kafka in KRaft mode: how it is found, installed and started. `tests/run` and `tests/src/server.rs` read this.
name=Kafka
# Names a running broker to use instead, as `host:port`. Tests that kill their broker still start their own.
variable=VERSIONED_TEST_KAFKA_URL
# As Debian calls them: what runs the server, and what fetches its jars.
packages='default-jre-headless maven'
# The jars are in the target folder, which may be closed to others than the one who built it, and the server runs as anyone.
account=root

# The repository; `tests/src/kafka.rs` says where it is. `tests/run` is there.
pom() { echo "${repository:-.}/tests/servers/kafka/pom.xml"; }

# The folder of the jars, which `fetch` makes.
jars() {
    case ${CARGO_TARGET_DIR:-target} in
    /*) echo "${CARGO_TARGET_DIR:-}/tests/kafka" ;;
    *) echo "${repository:-.}/${CARGO_TARGET_DIR:-target}/tests/kafka" ;;
    esac
}

# Prints the program, if the jars are those that `pom.xml` names.
program() { cmp -s "$(pom)" "$(jars)/pom.xml" && command -v java; }

# Gets what no package has: `tests/run setup` calls it after the installation.
fetch() (
    jars=$(jars)
    rm -rf "$jars.new"
    mvn --quiet --batch-mode --file "$(pom)" dependency:copy-dependencies -DincludeScope=runtime \
        -DoutputDirectory="$(realpath -m "$jars.new")" && cp "$(pom)" "$jars.new/pom.xml" || return
    rm -rf "$jars"
    mv "$jars.new" "$jars"
)

# Runs a class of the server. Without `-Xrs`, a signal that ends other servers prints the threads of this one.
run_class() {
    ulimit -c 0
    exec java -Xrs -Xmx384m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$(jars)/*" "$@"
}

# Makes the data, in `$dir/data`, and the settings. The controller has a port of its own on an address that nothing else uses.
init() {
    cat >"$dir/server.properties" <<-END
	process.roles=broker,controller
	node.id=1
	listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.2:$((port ^ 1))
	controller.listener.names=CONTROLLER
	controller.quorum.bootstrap.servers=127.0.0.2:$((port ^ 1))
	log.dirs=$dir/data
	auto.create.topics.enable=false
	offsets.topic.num.partitions=1
	offsets.topic.replication.factor=1
	transaction.state.log.num.partitions=1
	transaction.state.log.replication.factor=1
	transaction.state.log.min.isr=1
	share.coordinator.state.topic.replication.factor=1
	share.coordinator.state.topic.min.isr=1
	broker.session.timeout.ms=3000
	broker.heartbeat.interval.ms=500
	group.initial.rebalance.delay.ms=0
	group.min.session.timeout.ms=1000
	log.retention.check.interval.ms=500
	log.initial.task.delay.ms=500
	log.cleaner.dedupe.buffer.size=2097152
	log.cleaner.backoff.ms=500
	num.network.threads=2
	num.io.threads=2
	background.threads=2
	END
    (run_class kafka.tools.StorageTool format --standalone --cluster-id MkU3OEVBNTcwNTJENDM2Qg --config "$dir/server.properties")
}

# Becomes the server, on `$port`.
serve() { run_class kafka.Kafka "$dir/server.properties"; }
