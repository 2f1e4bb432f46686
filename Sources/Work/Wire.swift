/// Files to and from addresses that are not a provider's API: results, customers' pictures, upload addresses.
/// Never with a provider's key.
package protocol Wire: Sendable {
    /// Writes what is at `url` to `descriptor`, at most `limit` bytes.
    func download(_ url: String, to descriptor: Int32, limit: Int64, timeout: Duration) async -> Transfer
    /// Puts a file to `url`.
    func upload(_ path: String, contentType: String, to url: String, timeout: Duration) async -> Transfer
}

package enum Transfer: Hashable, Sendable {
    /// Done: so many bytes, of the type the other side claims.
    case done(bytes: Int64, contentType: String?)
    /// It may work later: no connection, a timeout, 5xx, 429.
    case later(String)
    /// It will not: 4xx, a forbidden address, too large.
    case never(String)
}
