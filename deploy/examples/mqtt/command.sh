#!/bin/sh
# Commands a node of LTS over MQTT 5 with nothing but mosquitto_rr and openssl, and prints the answer.
#
#   NODE=lts KEY=the-id SECRET=key.pem ./command.sh ping '{}'
#   BROKER="-h broker.example.com --cafile ca.pem -u me -P ..." for whatever else mosquitto_rr needs to know
#
# Only one instance of a body is signed: what stands in the payload, letter by letter.
set -eu

name=$1
body=${2:-{\}}
root="lts/v1/${NODE:-lts}"
topic="$root/command/$name"
reply="$root/reply/$(openssl rand -hex 8)"
nonce=$(openssl rand -hex 16)
created=$(date +%s)
digest=$(printf %s "$body" | openssl dgst -sha256 -r | cut -d' ' -f1)

text=$(mktemp)
trap 'rm -f "$text"' EXIT
printf '%s\n' "lts-command/1" "topic: $topic" "key: $KEY" "nonce: $nonce" "created: $created" \
    "response-topic: $reply" "correlation: " >"$text"
printf 'sha-256: %s' "$digest" >>"$text"
signature=$(openssl pkeyutl -sign -rawin -inkey "$SECRET" -in "$text" | openssl base64 -A)

# shellcheck disable=SC2086 - BROKER is several words
mosquitto_rr ${BROKER:-} -V mqttv5 -q 1 -W 50 -e "$reply" -t "$topic" -m \
    "{\"key\": \"$KEY\", \"nonce\": \"$nonce\", \"created\": $created, \"signature\": \"$signature\", \"body\": $body}"
