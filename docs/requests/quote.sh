# What it would cost, and who could do it. Charges nothing.
curl -X POST $GATEWAY/v1/3d-models/trellis2/quote/ \
  -H "Authorization: Bearer $API_KEY" \
  -H "Content-Type: application/json" \
  -d '{"image_url": "https://example.com/my-object.png", "resolution": "1536", "textures": true, "number_results": 2}'
