#!/usr/bin/env bash
# A real Apache Kafka (KRaft, one broker) from its Maven artifacts, for tests and measurements. Needs Java 17 or newer and mvn.
#   scripts/kafka.sh start [DIR] [PORT]   fetches the jars once, formats DIR if it is new, starts a broker on 127.0.0.1:PORT, waits for it
#   scripts/kafka.sh stop  [DIR]          ends it and waits until it is gone
#   scripts/kafka.sh kill  [DIR]          kill -9, for fault tests
#   scripts/kafka.sh tool  CLASS ARGS...  runs one of Kafka's own tools
set -euo pipefail

version=${KAFKA_VERSION:-4.2.0}
jars=${KAFKA_JARS:-${XDG_CACHE_HOME:-$HOME/.cache}/tidewater/kafka-$version}

fetch_jars() {
  [ -e "$jars/.complete" ] && return
  local project
  project=$(mktemp -d)
  dependency() { echo "<dependency><groupId>$1</groupId><artifactId>$2</artifactId><version>$3</version></dependency>"; }
  {
    echo '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
    echo '<groupId>local</groupId><artifactId>kafka-jars</artifactId><version>1</version><packaging>pom</packaging><dependencies>'
    dependency org.apache.kafka kafka_2.13 "$version"
    dependency org.apache.kafka kafka-tools "$version"
    dependency org.apache.logging.log4j log4j-slf4j-impl 2.24.3
    dependency org.apache.logging.log4j log4j-core 2.24.3
    echo '</dependencies></project>'
  } > "$project/pom.xml"
  mvn -q -B -f "$project/pom.xml" dependency:copy-dependencies -DoutputDirectory="$jars" -DincludeScope=runtime
  touch "$jars/.complete"
  rm -r "$project"
}

start() {
  local dir=${1:-./kafka-data} port=${2:-19092}
  fetch_jars
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd)
  cat > "$dir/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$((port + 1))
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1))
advertised.listeners=PLAINTEXT://127.0.0.1:$port
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=$dir/log
num.partitions=1
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
PROPERTIES
  if [ ! -e "$dir/log/meta.properties" ]; then
    local id
    id=$(java -cp "$jars/*" kafka.tools.StorageTool random-uuid 2>/dev/null)
    java -cp "$jars/*" kafka.tools.StorageTool format -t "$id" -c "$dir/server.properties" > "$dir/format.txt" 2>&1
  fi
  nohup java -Xms128m -Xmx"${KAFKA_HEAP:-768m}" -cp "$jars/*" kafka.Kafka "$dir/server.properties" > "$dir/broker.txt" 2>&1 < /dev/null &
  echo $! > "$dir/pid"
  for _ in $(seq 240); do
    kill -0 "$(cat "$dir/pid")" 2>/dev/null || { tail -5 "$dir/broker.txt" >&2; echo "kafka did not start" >&2; exit 1; }
    if (echo > "/dev/tcp/127.0.0.1/$port") 2>/dev/null; then echo "127.0.0.1:$port"; return; fi
    sleep 0.25
  done
  echo "kafka did not answer within 60 s" >&2
  exit 1
}

stop() {
  local pid
  pid=$(cat "${1:-./kafka-data}/pid")
  kill "$pid" 2>/dev/null || return 0
  for _ in $(seq 120); do kill -0 "$pid" 2>/dev/null || return 0; sleep 0.25; done
  kill -9 "$pid"
}

case ${1:-} in
  start) shift; start "$@" ;;
  stop)  stop "${2:-}" ;;
  kill)  kill -9 "$(cat "${2:-./kafka-data}/pid")" ;;
  tool)  shift; fetch_jars; exec java -cp "$jars/*" "$@" ;;
  *)     sed -n '2,6p' "$0"; exit 2 ;;
esac
