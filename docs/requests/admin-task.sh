# A task with its attempts and what the providers said.
curl $GATEWAY/admin/v1/tasks/$TASK_ID \
  -H "Authorization: Bearer $ADMIN_KEY"
