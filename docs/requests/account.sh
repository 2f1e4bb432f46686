curl $GATEWAY/v1/account/ \
  -H "Authorization: Bearer $API_KEY"
