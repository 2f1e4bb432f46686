import Domain
import Files
import HTTP
import JSON
import Testing

@testable import API

struct FilesRouteTests {
    private func asset(_ front: Front) async throws -> String {
        let id = try await front.task(#"{"image_url":"https://example.com/a.png","seed":7}"#)
        try await front.begin(id)
        try await front.finish(id, model: Array("0123456789".utf8))
        let status = await front.get("/v1/generation-request/\(id)/status/")
        let address = try #require(status.json["results"]?[0]?["asset"]?.string)
        return String(address.dropFirst("http://gateway.test".count))
    }

    /// The file part of an answer: an `Answer` reads bodies of bytes only.
    private func ask(_ front: Front, _ target: String, _ headers: Headers = [:], method: HTTPMethod = .get)
        async -> HTTPResponse
    {
        let outlet = Outlet()
        front.api.begin(method, target, headers: headers, outlet: outlet)
        return await outlet.response()
    }

    @Test func `serves a model to whoever has its address, key or no key`() async throws {
        try await Front.with { front in
            let path = try await asset(front)
            for headers: Headers in [
                [:], ["Authorization": "Bearer nonsense"], ["Authorization": "Bearer \(front.key)"],
            ] {
                let response = await ask(front, path, headers)
                #expect(response.status == 200)
                #expect(response.headers["Content-Type"] == "model/gltf-binary")
                #expect(response.headers["Content-Disposition"] == "inline; filename=\"trellis2_1024_7.glb\"")
                guard case .file(let file) = response.body else {
                    Issue.record("no file")
                    continue
                }
                #expect(file.length == 10 && file.offset == 0)
            }
        }
    }

    @Test func `serves a part of it, and nothing when the client has it`() async throws {
        try await Front.with { front in
            let path = try await asset(front)
            let part = await ask(front, path, ["Range": "bytes=-4"])
            #expect(part.status == 206 && part.headers["Content-Range"] == "bytes 6-9/10")
            let etag = try #require(part.headers["ETag"])
            let same = await ask(front, path, ["If-None-Match": etag])
            #expect(same.status == 304 && Answer(same).body.isEmpty)
            let beyond = Answer(await ask(front, path, ["Range": "bytes=10-"]))
            #expect(beyond.status == 416 && beyond.code == "range_not_satisfiable")
            #expect(beyond.headers["Content-Range"] == "bytes */10")
            let other = Answer(await ask(front, path, ["If-Match": "\"other\""]))
            #expect(other.status == 412 && other.code == "precondition_failed" && other.headers["ETag"] == etag)
            #expect(await ask(front, path, method: .head).status == 200)
        }
    }

    @Test func `refuses an address that was touched, and one that is over`() async throws {
        try await Front.with { front in
            let path = try await asset(front)
            #expect(await ask(front, path + "0").status == 403)
            #expect(await ask(front, path.replacing("expires=", with: "expires=9")).status == 403)
            #expect(await ask(front, "/v1/assets/" + String(repeating: "0", count: 64) + ".glb").status == 403)
            #expect(await ask(front, "/v1/assets/..%2f..%2fgateway.db").status == 403)
            #expect(await ask(front, path.replacing("/v1/assets/", with: "/v1/inputs/")).status == 403)
            front.clock.advance(.seconds(86_400))
            let over = Answer(await ask(front, path))
            #expect(over.status == 410 && over.code == "gone")
        }
    }

    @Test func `says gone when the file is`() async throws {
        try await Front.with { front in
            let path = try await asset(front)
            let name = try #require(path.split(separator: "/").last?.prefix(64))
            #expect(front.files.sweep(keeping: [], olderThan: -1) > 0)
            #expect(!name.isEmpty)
            #expect(await ask(front, path).status == 410)
        }
    }

    @Test func `hands a provider the picture of a request until its time is over`() async throws {
        try await Front.with { front in
            let name = try front.files.keep(Rig.picture)
            let picture = KeptPicture(
                sha256: name.sha256, format: .png, byteCount: Int64(Rig.picture.count), width: 1, height: 1)
            let address = front.api.status.links.input(picture, until: Rig.start + .seconds(60))
            let path = String(address.dropFirst("http://gateway.test".count))
            let response = await ask(front, path)
            #expect(response.status == 200 && response.headers["Content-Type"] == "image/png")
            front.clock.advance(.seconds(60))
            #expect(await ask(front, path).status == 410)
        }
    }

    @Test func `takes a provider's call for what it is worth`() async throws {
        try await Front.with(
            credits: 0,
            { $0.callback = { provider, token, _, body in provider == "fal" && token == "t-1" && body == [123, 125] } }
        ) { front in
            #expect(await front.api.ask(.post, "/v1/callbacks/fal/t-1", body: "{}").status == 204)
            #expect(await front.api.ask(.post, "/v1/callbacks/fal/t-2", body: "{}").status == 404)
            #expect(await front.api.ask(.get, "/v1/callbacks/fal/t-1").status == 405)
        }
    }
}
