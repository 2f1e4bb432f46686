import HTTP

/// Carries one request to a receiver under the egress rules for webhooks, and brings back the first bytes of the
/// answer. `done` is called once, on any thread.
package protocol Courier: Sendable {
    func carry(_ request: OutgoingRequest, done: @escaping @Sendable (CourierReport) -> Void)
}

package struct CourierReport: Sendable {
    package let result: DeliveryResult
    package let excerpt: [UInt8]
    package let milliseconds: Int64

    package init(result: DeliveryResult, excerpt: [UInt8], milliseconds: Int64) {
        self.result = result
        self.excerpt = excerpt
        self.milliseconds = milliseconds
    }
}
