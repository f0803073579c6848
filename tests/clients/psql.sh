#!/usr/bin/env bash
# What people do first in psql.
set -euo pipefail
port=$1
run() { PGOPTIONS="${options:-}" psql -X -q -h 127.0.0.1 -p "$port" -U tidewater -v ON_ERROR_STOP=1 "$@"; }
expect() { # TEXT ACTUAL
  case $2 in *"$1"*) ;; *) printf 'expected: %s\nin:\n%s\n' "$1" "$2"; exit 1 ;; esac
}

run -c "DROP TABLE IF EXISTS psql_t CASCADE"
run -c "CREATE TABLE psql_t (id BIGINT PRIMARY KEY, name VARCHAR(10) NOT NULL DEFAULT 'x', n NUMERIC(10,2))"
run -c "CREATE VIEW psql_v AS SELECT id FROM psql_t" -c "CREATE MATERIALIZED VIEW psql_m AS SELECT count(*) AS c FROM psql_t"
expect "psql_m | materialized view | tidewater" "$(run -c '\d' | tr -s ' ')"
expect "psql_t | table | tidewater" "$(run -c '\dt' | tr -s ' ')"
expect "psql_v | view" "$(run -c '\dv' | tr -s ' ')"
expect "psql_m | materialized view" "$(run -c '\dm' | tr -s ' ')"
described=$(run -c '\d psql_t' | tr -s ' ')
expect "name | character varying(10) | | not null | 'x'" "$described"
expect '"psql_t_pkey" PRIMARY KEY, btree (id)' "$described"
expect "c | bigint" "$(run -c '\d psql_m' | tr -s ' ')"
expect "tidewater | tidewater | UTF8" "$(run -c '\l' | tr -s ' ')"
expect "public | tidewater" "$(run -c '\dn' | tr -s ' ')"

run -c "INSERT INTO psql_t VALUES (1, 'a', 1.5), (2, 'b', 2)"
expect "2" "$(run -A -t -c 'SELECT c FROM psql_m')"
expect "1|a|1.50" "$(run -A -t -c 'SELECT * FROM psql_t ORDER BY id')"
expect "1,a,1.50" "$(run -c "COPY psql_t TO STDOUT WITH (FORMAT csv)")"
expect "?column?" "$(run -c 'SELECT 1')"
expect "Europe/Berlin" "$(options='-c TimeZone=Europe/Berlin' run -A -t -c 'SHOW timezone')"

# Errors have their SQLSTATE, hint and place.
error=$(run -v VERBOSITY=verbose -c 'SELECT nope FROM psql_t' 2>&1 || true)
expect "42703" "$error"
expect '^' "$error"

# FETCH_COUNT uses a cursor; a subscription shows the content first and then every change until it is cancelled.
expect "(2 rows)" "$(run -v FETCH_COUNT=1 -c 'SELECT * FROM psql_t')"
subscribed=$(mktemp)
run -c "COPY (SUBSCRIBE TO psql_m) TO STDOUT (DELIMITER '|')" > "$subscribed" 2>&1 &
subscriber=$!
for _ in $(seq 100); do grep -q '|1|2' "$subscribed" && break; sleep 0.05; done
run -c "DELETE FROM psql_t WHERE id = 2"
for _ in $(seq 100); do grep -q '|1|1$' "$subscribed" && break; sleep 0.05; done
kill -INT "$subscriber"
wait "$subscriber" || true
changes=$(cat "$subscribed")
rm "$subscribed"
expect "|1|2" "$changes"
expect "|-1|2" "$changes"
expect "|1|1" "$changes"
expect "canceling statement due to user request" "$changes"
