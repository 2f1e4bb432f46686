#!/bin/sh
# Makes a model from a picture: sh generate.sh picture.png model.glb
# Reads GATEWAY and API_KEY from the environment. Needs curl, base64, od and sed.
set -eu

request=$2.request
trap 'rm -f "$request"' EXIT
text() { printf '%s\n' "$answer" | sed -nE "s/.*\"$1\":\"(([^\"\\]|\\\\.)*)\".*/\1/p" | sed 's/\\"/"/g'; }
# Puts the answer into $answer, or says what the gateway has against it and ends.
ask() {
  answer=$(curl -sS --fail-with-body -H "Authorization: Bearer $API_KEY" "$@") && return
  text detail >&2
  exit 1
}

printf '{"image":"%s"}' "$(base64 < "$1" | tr -d '\n')" > "$request"
# One id for one piece of work: sending it again after a lost answer cannot charge twice.
ask --retry 4 --retry-connrefused "$GATEWAY/v1/3d-models/trellis2/generate/" \
  -H "Idempotency-Key: $(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')" \
  -H "Content-Type: application/json" --data-binary @"$request"
task=$(text task_id)

while :; do
  ask "$GATEWAY/v1/generation-request/$task/status/?wait=20"
  case $answer in
    '{"status":"FINISHED"'*) break ;;
    '{"status":"FAILED"'*) text failure_reason >&2; exit 1 ;;
  esac
done
curl -sS --fail-with-body -o "$2" "$(text asset)"
echo "$2: $(wc -c < "$2") bytes"
