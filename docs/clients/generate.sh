#!/bin/sh
# Makes a model from a picture: sh generate.sh picture.png model.glb
# Reads GATEWAY and API_KEY from the environment. Needs curl, base64 and sed.
set -eu

key="Authorization: Bearer $API_KEY"
text() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }

printf '{"image":"%s"}' "$(base64 < "$1" | tr -d '\n')" > "$2.request"
task=$(curl -sS --fail-with-body -X POST "$GATEWAY/v1/3d-models/trellis2/generate/" \
  -H "$key" -H "Content-Type: application/json" --data-binary @"$2.request" | text task_id)
rm "$2.request"

while :; do
  answer=$(curl -sS --fail-with-body "$GATEWAY/v1/generation-request/$task/status/?wait=20" -H "$key")
  case $answer in
    '{"status":"FINISHED"'*) break ;;
    '{"status":"FAILED"'*) echo "$answer" | text failure_reason >&2; exit 1 ;;
  esac
done
curl -sS --fail-with-body -o "$2" "$(echo "$answer" | text asset)"
echo "$2: $(wc -c < "$2") bytes"
