# The same reference twice grants once.
curl -X POST $GATEWAY/admin/v1/accounts/studio-team/credits \
  -H "Authorization: Bearer $ADMIN_KEY" \
  -H "Content-Type: application/json" \
  -d '{"amount": 1000, "reference": "invoice-2026-031"}'
