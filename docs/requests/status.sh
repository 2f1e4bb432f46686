curl $GATEWAY/v1/generation-request/$TASK_ID/status/ \
  -H "Authorization: Bearer $API_KEY"
