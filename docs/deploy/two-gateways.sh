#!/bin/sh
# Two gateways on one PostgreSQL, with NATS between them, without Docker: to see on one
# machine what compose.cluster.yaml has for several. Ctrl-C ends all of it.
#
#   DATABASE_URL=postgres://USER:PASSWORD@HOST/DATABASE docs/deploy/two-gateways.sh \
#       --plugin chat=target/plugins/chat.wasm
#
# What follows is given to both. GATEWAY names the program, NATS_SERVER that of NATS (Debian:
# nats-server), DATA the folder for the data, PORT the first of the ports: PORT and PORT+10
# for clients, one more each for the operator, PORT+20 for NATS.
set -eu

: "${DATABASE_URL:?the address of a PostgreSQL}"
gateway=${GATEWAY:-target/release/gateway}
nats=${NATS_SERVER:-nats-server}
data=${DATA:-./data}
port=${PORT:-3000}

pids=
trap 'trap - INT TERM EXIT; kill $pids 2>/dev/null; wait' INT TERM EXIT

mkdir -p "$data/1" "$data/2"
chmod 700 "$data/1" "$data/2"
"$nats" --addr 127.0.0.1 --port $((port + 20)) >"$data/nats.log" 2>&1 &
pids="$pids $!"

# One secret for both: the first gateway makes it, the second one takes it.
export GATEWAY_EVENTS_NATS_URL="nats://127.0.0.1:$((port + 20))"
export GATEWAY_BLOB_STORE="$(cd "$data" && pwd)/blobs"
export DATABASE_URL
for one in 1 2; do
    base=$((port + (one - 1) * 10))
    if [ "$one" = 2 ]; then
        for name in jwt.secret admin.token; do
            if [ -f "$data/1/$name" ]; then cp -p "$data/1/$name" "$data/2/$name"; fi
        done
    fi
    "$gateway" serve --data "$data/$one" --listen "127.0.0.1:$base" \
        --admin-listen "127.0.0.1:$((base + 1))" "$@" &
    pid=$!
    pids="$pids $pid"
    # The second one follows when the first one has made the tables.
    until curl --silent --fail --output /dev/null "http://127.0.0.1:$((base + 1))/readyz"; do
        kill -0 "$pid" || exit 1
        sleep 0.2
    done
done
wait
