# A long poll: answers when the task changes, or after 20 seconds.
curl "$GATEWAY/v1/generation-request/$TASK_ID/status/?wait=20" \
  -H "Authorization: Bearer $API_KEY"
