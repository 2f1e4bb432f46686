import Domain
import HTTP
import JSON
import Store

/// Every way in which the front says no. What a client reads of each is decided in one place: `ErrorBody`.
package enum Refusal: Error, Sendable {
    // The request itself.
    case invalid([FieldFault])
    case badJSON(JSONError)
    case badIdempotencyKey(String)
    case idempotencyKeyMissing
    case idempotencyMismatch
    case wrongContentType(String, takesPicture: Bool = false)
    case encodedBody(coding: String)
    case byteOrderMark
    case bodyTooLarge(limit: Int, takesPicture: Bool = false)
    /// Something the server refused before it became a request.
    case framing(HTTPStatus, code: String, message: String)

    // Who is asking.
    case noKey
    /// There is an `Authorization`, but not `Bearer KEY`.
    case noBearer
    case malformedKey
    case unknownKey
    case expiredKey
    case revokedKey
    case accountDisabled
    case wrongScope(has: Scope, needs: [Scope])
    case badSignature

    // What is asked for.
    case noSuchRoute
    case notFound(String)
    /// A thing that an operator named, which there is not; and the names that there are, if they are few.
    case noneCalled(_ kind: String, _ given: String, known: [String] = [])
    /// The name of an account that there is.
    case taken(account: String)
    case methodNotAllowed(allow: String)
    case gone(String)
    /// The client wants another version of a file than there is; `headers` tell of the one there is.
    case otherVersion(Headers)
    /// A range of which the file has no byte; `headers` tell how long it is.
    case noSuchPart(Headers)
    case conflict(code: String, message: String)

    // Money and limits.
    case insufficientCredits(required: Credits, balance: Credits)
    case spendCapReached(cap: Credits, spent: Credits)
    case rateLimited(RateLimit.Verdict, what: String)
    case tooManyTasks(limit: Int)
    case tooManyWaiting(limit: Int)
    /// `isAdjustable`: with the nearest values somebody could take it.
    case noProvider([FieldFault], isAdjustable: Bool = false)
    /// All that might take it are switched off.
    case providersOff

    // Our side.
    case noRoom
    case unavailable(String)
    case store(StoreError)
    case broken(String)
}

/// What is wrong with one field: where, what was given, and what would do.
package struct FieldFault: Hashable, Sendable {
    package let parameter: String
    package let message: String
    /// As given, cut short; nil where it would only repeat a picture or a secret.
    package let value: JSONValue?
    package let allowed: JSONValue?
    package let suggestion: String?
    /// Which provider says so, where it is one provider's word.
    package let provider: ProviderID?

    package init(
        _ parameter: String, _ message: String, value: JSONValue? = nil, allowed: JSONValue? = nil,
        suggestion: String? = nil, provider: ProviderID? = nil
    ) {
        self.parameter = parameter
        self.message = message
        self.value = value.map(Self.short)
        self.allowed = allowed
        self.suggestion = suggestion
        self.provider = provider
    }

    /// A name that should be a provider's.
    static func noProvider(_ name: String, in parameter: String, among known: [String]) -> FieldFault {
        FieldFault(
            parameter, "There is no provider \(JSONValue.string(String(name.prefix(64)))) here.", value: .string(name),
            allowed: .array(known.map { .string($0) }),
            suggestion: Spelling.nearest(to: name, of: known).map { "Did you mean \($0)?" }
                ?? "There are \(known.joined(separator: ", ")).")
    }

    /// A value as messages name it.
    static func shown(_ value: JSONValue) -> String { short(value).description }

    /// An echo long enough to recognise and too short to carry a payload.
    private static func short(_ value: JSONValue) -> JSONValue {
        switch value {
        case .string(let text) where text.unicodeScalars.count > 64:
            .string(String(String.UnicodeScalarView(text.unicodeScalars.prefix(64))) + "…")
        case .decimal(let number) where number.text.utf8.count > 64: .string(String(number.text.prefix(64)) + "…")
        case .array(let items): .string("an array of \(items.count)")
        case .object(let object): .string("an object of \(object.count)")
        default: value
        }
    }
}
