# The last ten that finished.
curl "$GATEWAY/v1/generation-requests/?status=FINISHED&limit=10" \
  -H "Authorization: Bearer $API_KEY"
