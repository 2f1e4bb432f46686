# Every change as it happens; ends with the task.
curl -N $GATEWAY/v1/generation-request/$TASK_ID/events/ \
  -H "Authorization: Bearer $API_KEY"
