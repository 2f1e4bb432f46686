# The key is shown this once.
curl -X POST $GATEWAY/admin/v1/accounts \
  -H "Authorization: Bearer $ADMIN_KEY" \
  -H "Content-Type: application/json" \
  -d '{"name": "studio-team", "credits": 500}'
