print("provider-simulator")
