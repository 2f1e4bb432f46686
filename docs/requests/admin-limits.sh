curl -X PATCH $GATEWAY/admin/v1/accounts/studio-team \
  -H "Authorization: Bearer $ADMIN_KEY" \
  -H "Content-Type: application/json" \
  -d '{"requests_per_minute": 120, "concurrent_tasks": 10, "low_balance": 100}'
