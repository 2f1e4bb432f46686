# One request from picture to result: the answer is the final status if it comes within 30 seconds.
curl -X POST $GATEWAY/v1/3d-models/trellis2/generate/ \
  -H "Authorization: Bearer $API_KEY" \
  -H "Content-Type: application/json" \
  -H "Prefer: wait=30" \
  -d '{"image_url": "https://example.com/my-object.png"}'
