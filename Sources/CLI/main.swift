print("trellis-gateway")
