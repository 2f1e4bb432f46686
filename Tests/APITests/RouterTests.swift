import HTTP
import Testing

@testable import API

struct RouterTests {
    private let router = Router(API.endpoints)

    @Test func `finds every row of the table by its own pattern, with and without the slash`() {
        for endpoint in API.endpoints {
            let path = endpoint.pattern.split(separator: "/").map { $0.hasPrefix("{") ? "x" : String($0) }
                .map { "/" + $0 }.joined()
            for spelling in [path, path + "/"] {
                let match = router.match(RequestTarget(spelling))
                #expect(match?.endpoint(for: endpoint.method)?.operation.id == endpoint.operation.id, "\(spelling)")
                #expect(match.map { router.patterns[$0.route.rawValue] } == endpoint.pattern)
            }
        }
    }

    @Test func `has no two rows for one method and pattern, and no operation twice`() {
        let rows = API.endpoints.map { "\($0.method) \($0.pattern)" }
        #expect(Set(rows).count == rows.count)
        let ids = API.endpoints.map(\.operation.id)
        #expect(Set(ids).count == ids.count)
    }

    @Test(arguments: [
        "", "/", "//", "/v1", "/v1//wallet", "/v1/wallet//", "/v1/Wallet", "/v1/wallet/x",
        "/v1/generation-request/abc", "/v1/generation-request/a/b/status", "/v1/assets", "/v1/assets/a/b",
        "/v1/%77allet", "wallet", "*",
    ])
    func `finds nothing where there is nothing`(path: String) {
        #expect(router.match(RequestTarget(path)) == nil)
    }

    @Test func `prefers a word of the table to a parameter`() {
        let match = router.match(RequestTarget("/v1/generation-request/status/"))
        #expect(match?.endpoint(for: .post)?.operation.id == "readStatuses")
        #expect(match?.parameters.isEmpty == true)
    }

    @Test func `says where the parameters lie`() {
        let target = RequestTarget("/v1/callbacks/fal/to%20ken?x=1")
        let match = router.match(target)
        let found = match?.parameters.map { String(decoding: target.bytes[$0], as: UTF8.self) }
        #expect(found == ["fal", "to%20ken"])
    }

    @Test func `names every method a path takes`() {
        #expect(router.match(RequestTarget("/v1/wallet/"))?.allow == "GET, HEAD, OPTIONS")
        #expect(router.match(RequestTarget("/v1/3d-models/trellis2/generate"))?.allow == "POST, OPTIONS")
        #expect(router.match(RequestTarget("/admin/v1/accounts"))?.allow == "POST, GET, HEAD, OPTIONS")
    }

    @Test func `answers HEAD where there is GET`() {
        #expect(router.match(RequestTarget("/v1/wallet"))?.endpoint(for: .head)?.operation.id == "readWallet")
        #expect(router.match(RequestTarget("/v1/3d-models/trellis2/generate"))?.endpoint(for: .head) == nil)
    }
}
