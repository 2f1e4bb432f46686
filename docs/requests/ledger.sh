curl "$GATEWAY/v1/wallet/ledger/?limit=20" \
  -H "Authorization: Bearer $API_KEY"
