/// What the client is doing and has done, at one moment.
package struct ClientMetrics: Sendable, Equatable {
    /// Calls that have begun and not ended, those that wait for a name among them.
    package var inFlight = 0
    package var started = 0
    package var answered = 0
    package var failed: [CallFailure.Kind: Int] = [:]
    package var openConnections = 0
    package var openedConnections = 0
    package var receivedBodyBytes: Int64 = 0

    package init() {}
}
