curl -X POST $GATEWAY/v1/3d-models/trellis2/generate/ \
  -H "Authorization: Bearer $API_KEY" \
  -H "Content-Type: application/json" \
  -d '{
    "image_url": "https://example.com/my-object.png",
    "resolution": "1024",
    "textures": true,
    "texture_size": 2048
  }'
