import Domain

package protocol KeyStore: Sendable {
    /// Who sends this token, from memory: neither a database read nor a wait.
    func authenticate(_ token: UnsafeBufferPointer<UInt8>, now: Instant) -> Authentication

    func createAccount(
        named name: String, limits: AccountLimits, now: Instant
    ) async throws(StoreError) -> Account
    func account(_ id: AccountID) async throws(StoreError) -> Account?
    func account(named name: String) async throws(StoreError) -> Account?
    func accounts(cursor: String?, limit: Int) async throws(StoreError) -> Page<Account>
    func setLimits(_ limits: AccountLimits, of account: AccountID, now: Instant) async throws(StoreError)
    func setDisabled(_ disabled: Bool, account: AccountID, now: Instant) async throws(StoreError)

    /// Makes a key and shows its token, this once.
    func createKey(
        for account: AccountID, scope: Scope, label: String, expiresAt: Instant?, spendCap: Credits?, now: Instant
    ) async throws(StoreError) -> (key: APIKey, token: String)
    func keys(of account: AccountID) async throws(StoreError) -> [APIKey]
    /// Takes effect on the next request.
    func revokeKey(_ id: KeyID, now: Instant) async throws(StoreError)
    /// A new key with the old one's scope, label and cap; the old one ends at `overlapEnds`.
    func rotateKey(
        _ id: KeyID, overlapEnds: Instant, now: Instant
    ) async throws(StoreError) -> (key: APIKey, token: String)
    /// Writes down which keys were used since the last time, roughly when; called now and then, never per request.
    func recordKeyUse() async throws(StoreError)
}

package enum Authentication: Hashable, Sendable {
    case known(Principal, spendCap: Credits?)
    /// Not shaped like a key, or its checksum is off.
    case malformed
    case unknown
    case expired
    case revoked
    case disabled
}
