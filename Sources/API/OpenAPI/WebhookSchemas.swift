extension Schemas {
    private static let settings = """
        "description":{"type":["string","null"],"maxLength":500},
        "events":{"type":["array","null"],"items":{"type":"string","enum":["task.started","task.finished","task.failed",
        "task.canceled","wallet.low","endpoint.disabled"]},"description":"None or an empty list: all of them."},
        "headers":{"type":["object","null"],"maxProperties":10,"additionalProperties":{"type":"string","maxLength":1024}},
        "requests_per_second":{"type":["number","null"],"minimum":0.01,"maximum":1000},
        "concurrency":{"type":["integer","null"],"minimum":1,"maximum":64}
        """

    /// Components of the webhook routes.
    static let webhooks: [(name: String, text: String)] = [
        (
            "NewWebhookEndpoint",
            """
            {"type":"object","required":["url"],"additionalProperties":false,"properties":{
            "url":{"type":"string","format":"uri","minLength":1,"maxLength":2048},
            "scheme":{"enum":["hmac","ed25519",null],"default":"hmac"},\(settings)},
            "example":{"url":"https://hooks.example.com/trellis","events":["task.finished","task.failed"]}}
            """
        ),
        (
            "WebhookEndpointChange",
            """
            {"type":"object","additionalProperties":false,"properties":{
            "url":{"type":["string","null"],"format":"uri","minLength":1,"maxLength":2048},\(settings)}}
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
            "overlap_seconds":{"type":["integer","null"],"minimum":0,"maximum":604800,"default":86400},
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
            "since":{"type":"string","format":"date-time"},"until":{"type":"string","format":"date-time"}}}
            """
        ),
        (
            "Recovered",
            #"{"type":"object","required":["recovered"],"properties":{"recovered":{"type":"integer","minimum":0}}}"#
        ),
    ]
}
