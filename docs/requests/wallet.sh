curl $GATEWAY/v1/wallet/ \
  -H "Authorization: Bearer $API_KEY"
