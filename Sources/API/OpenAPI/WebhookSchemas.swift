extension Schemas {
    private static let settings = """
        "description":{"type":["string","null"],"maxLength":500,"description":"For people."},
        "events":{"type":["array","null"],"items":{"type":"string","enum":["task.started","task.finished","task.failed",
        "task.canceled","wallet.low","endpoint.disabled"]},"description":"None or an empty list: all of them."},
        "headers":{"type":["object","null"],"maxProperties":10,"additionalProperties":{"type":"string","maxLength":1024},
        "description":"Sent with every delivery; never shown again."},
        "requests_per_second":{"type":["number","null"],"minimum":0.01,"maximum":1000,
        "description":"How often it may be called at most."},
        "concurrency":{"type":["integer","null"],"minimum":1,"maximum":64,
        "description":"How many deliveries may be under way to it at once."}
        """

    /// Components of the webhook routes.
    static let webhooks: [(name: String, text: String)] = [
        (
            "NewWebhookEndpoint",
            """
            {"type":"object","required":["url"],"additionalProperties":false,"properties":{
            "url":{"type":"string","format":"uri","minLength":1,"maxLength":2048,"description":"Where deliveries are POSTed."},
            "scheme":{"enum":["hmac","ed25519",null],"default":"hmac",
            "description":"A secret both sides know, or a key pair of which the receiver has the public half."},\(settings)},
            "example":{"url":"https://hooks.example.com/trellis","events":["task.finished","task.failed"]}}
            """
        ),
        (
            "WebhookEndpointChange",
            """
            {"type":"object","additionalProperties":false,"properties":{
            "url":{"type":["string","null"],"format":"uri","minLength":1,"maxLength":2048,
            "description":"Where deliveries are POSTed from now on."},\(settings)}}
            """
        ),
        (
            "WebhookEndpoint",
            """
            {"type":"object","required":["id","url","description","events","headers","enabled","created_at"],"properties":{
            "id":{"type":"string","format":"uuid"},"url":{"type":"string"},"description":{"type":"string"},
            "events":{"type":"array","items":{"type":"string"}},
            "headers":{"type":"array","items":{"type":"string"},"description":"Names only."},
            "requests_per_second":{"type":["number","null"]},"concurrency":{"type":["integer","null"]},
            "enabled":{"type":"boolean"},"disabled_at":{"type":["string","null"]},
            "disabled_reason":{"type":["string","null"]},"failing_since":{"type":["string","null"]},
            "created_at":{"type":"string","format":"date-time"},
            "secret":{"type":"string","description":"Only when it is new."},"public_key":{"type":"string"}}}
            """
        ),
        (
            "SecretRotation",
            """
            {"type":"object","additionalProperties":false,"properties":{
            "overlap_seconds":{"type":["integer","null"],"minimum":0,"maximum":604800,"default":86400,
            "description":"How long those before it sign beside the new one; 0 ends them at once."},
            "scheme":{"enum":["hmac","ed25519",null],"description":"The endpoint's own, if none is named."}}}
            """
        ),
        ("WebhookSecret", #"{"type":"object","required":["secret"],"properties":{"secret":{"type":"string"}}}"#),
        (
            "DeliveryAttempt",
            """
            {"type":"object","required":["attempt","at","milliseconds","status","error","outcome"],"properties":{
            "event_id":{"type":"string"},"delivery_id":{"type":"string"},"attempt":{"type":"integer"},
            "at":{"type":"string","format":"date-time"},"milliseconds":{"type":"integer"},
            "status":{"type":["integer","null"]},"error":{"type":["string","null"]},
            "response":{"type":["string","null"]},"outcome":{"type":"string","enum":["delivered","failed","abandoned"]},
            "next_attempt_at":{"type":["string","null"]}}}
            """
        ),
        (
            "Recovery",
            """
            {"type":"object","required":["since"],"additionalProperties":false,"properties":{
            "since":{"type":"string","format":"date-time","description":"Events of this time and later."},
            "until":{"type":"string","format":"date-time","description":"Events before this time; now unless given."}}}
            """
        ),
        (
            "Recovered",
            #"{"type":"object","required":["recovered"],"properties":{"recovered":{"type":"integer","minimum":0}}}"#
        ),
    ]
}
