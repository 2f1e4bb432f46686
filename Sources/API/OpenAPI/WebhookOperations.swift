extension Operation {
    private static let tag = "Webhooks"

    static let createEndpoint = Operation(
        "createWebhookEndpoint", tag, "Be told at an address",
        "Events are signed as Standard Webhooks says; the secret is shown this once.", headers: [.idempotencyKey],
        request: "NewWebhookEndpoint",
        success: [.json("WebhookEndpoint", "Created, with its secret.", status: 201, headers: [.replayed])],
        errors: [409, 422])

    static let listEndpoints = Operation(
        "listWebhookEndpoints", tag, "Your endpoints", success: [.json("Page", "All of them.")])

    static let showEndpoint = Operation(
        "showWebhookEndpoint", tag, "One endpoint", success: [.json("WebhookEndpoint", "The endpoint.")])

    static let changeEndpoint = Operation(
        "changeWebhookEndpoint", tag, "Change an endpoint", "What is not named stays; null takes a setting away.",
        request: "WebhookEndpointChange", success: [.json("WebhookEndpoint", "As it is now.")])

    static let deleteEndpoint = Operation(
        "deleteWebhookEndpoint", tag, "Remove an endpoint", success: [.empty("Removed.")])

    static let enableEndpoint = Operation(
        "enableWebhookEndpoint", tag, "Turn a disabled endpoint on again",
        "What it missed is not sent by itself: see recover.", success: [.json("WebhookEndpoint", "As it is now.")])

    static let rotateEndpointSecret = Operation(
        "rotateWebhookSecret", tag, "Give an endpoint a new secret",
        "Both secrets sign until the overlap ends, the new one first.", headers: [.idempotencyKey],
        request: "SecretRotation",
        success: [.json("WebhookEndpoint", "With the new secret, shown this once.", headers: [.replayed])],
        errors: [422])

    static let readDefaultSecret = Operation(
        "readWebhookSecret", tag, "The secret that signs deliveries to a task's own webhook_url",
        success: [.json("WebhookSecret", "The secret.")])

    static let testEndpoint = Operation(
        "testWebhookEndpoint", tag, "Send a ping and show the answer",
        success: [.json("DeliveryAttempt", "What came of it.")], errors: [409])

    static let listDeliveries = Operation(
        "listWebhookDeliveries", tag, "What was sent to an endpoint, newest first", query: [.cursor, .limit],
        success: [.json("Page", "One page.")])

    static let recoverDeliveries = Operation(
        "recoverWebhookDeliveries", tag, "Send again what had no success",
        "Also what happened while the endpoint was disabled. Same ids, same bodies.", request: "Recovery",
        success: [.json("Recovered", "How many are on their way.")])

    static let listAttempts = Operation(
        "listDeliveryAttempts", tag, "Every try of one delivery", success: [.json("Page", "All of them.")])

    static let resendDelivery = Operation(
        "resendDelivery", tag, "Send one delivery again, now", headers: [.idempotencyKey],
        success: [.json("Message", "On its way.", status: 202, headers: [.replayed])], errors: [422])
}
