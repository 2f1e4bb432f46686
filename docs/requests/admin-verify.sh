# Folds the whole ledger. Keep the head that it answers: ?head=... proves later that nothing before it was changed.
curl $GATEWAY/admin/v1/ledger/verify \
  -H "Authorization: Bearer $ADMIN_KEY"
