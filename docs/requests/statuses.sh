# Up to 100 tasks in one request.
curl -X POST $GATEWAY/v1/generation-request/status/ \
  -H "Authorization: Bearer $API_KEY" \
  -H "Content-Type: application/json" \
  -d "{\"task_ids\": [\"$TASK_ID\"]}"
