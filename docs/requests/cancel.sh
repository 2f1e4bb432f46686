# A task that has already ended answers 409.
curl -X POST $GATEWAY/v1/generation-request/$TASK_ID/cancel/ \
  -H "Authorization: Bearer $API_KEY"
