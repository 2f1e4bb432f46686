# Safe to repeat: the same key with the same fields answers the first result and charges nothing.
curl -X POST $GATEWAY/v1/3d-models/trellis2/generate/ \
  -H "Authorization: Bearer $API_KEY" \
  -H "Content-Type: application/json" \
  -H "Idempotency-Key: 7c9e6679-7425-40de-944b-e07fc1f90ae7" \
  -d '{"image_url": "https://example.com/my-object.png", "metadata": {"order": "A-17"}}'
