curl $GATEWAY/v1/providers/ \
  -H "Authorization: Bearer $API_KEY"
