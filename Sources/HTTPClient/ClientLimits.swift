/// What one client may hold at once.
package struct ClientLimits: Sendable, Hashable {
    /// Each costs a socket and some 15 KiB while it waits: enough for every job a gateway runs, and below the 4 096
    /// descriptors that a service usually gets with room for those who call us.
    package var callsInFlight = 2048
    /// Connections kept for the next request, beyond those in use.
    package var idleConnections = 256
    /// Handles kept for the next request; making one costs a few microseconds, keeping one a few kilobytes.
    package var idleHandles = 64

    package init() {}
}
