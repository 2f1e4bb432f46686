# The whole story of one task, down to its postings.
curl $GATEWAY/v1/generation-request/$TASK_ID/receipt/ \
  -H "Authorization: Bearer $API_KEY"
