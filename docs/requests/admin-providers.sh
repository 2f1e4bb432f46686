curl $GATEWAY/admin/v1/providers \
  -H "Authorization: Bearer $ADMIN_KEY"
