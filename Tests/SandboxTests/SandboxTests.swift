import GLB
import HTTP
import JSON
import Synchronization
import Testing

@testable import Sandbox

struct SandboxTests {
    /// A sandbox with a shelf in memory, a clock that is set by hand, and a web of one picture.
    private final class World: Sendable {
        let now = Mutex<Int64>(1_000_000)
        let shelf = Mutex<[String: [UInt8]]>([:])

        func sandbox(duration: Double = 2) -> Sandbox {
            Sandbox(
                duration: duration, clock: { self.now.withLock { $0 } },
                keep: { bytes in
                    self.shelf.withLock { shelf in
                        let name = String(shelf.count + 0xA0, radix: 16)
                        shelf[name] = bytes
                        return name
                    }
                },
                load: { name in self.shelf.withLock { $0[name] } },
                fetch: { url in
                    switch url {
                    case "https://example.com/chair.png": Self.picture
                    case "https://example.com/page.html": Array("<html>".utf8)
                    default: nil
                    }
                })
        }

        func pass(_ seconds: Double) { now.withLock { $0 += Int64(seconds * 1000) } }

        static let picture: [UInt8] = {
            let pixels = Pixels(width: 24, height: 16) { x, y in SIMD4(UInt8(x * 10), UInt8(y * 15), 80, 255) }
            return (try? PNG.encode(pixels)) ?? []
        }()
    }

    private let world = World()

    private func post(_ sandbox: Sandbox, _ body: JSONValue) async -> HTTPReply {
        await sandbox.answer(.json(.post, Sandbox.baseURL + "/v1/generate", body: body.bytes))
    }

    private func get(_ sandbox: Sandbox, _ url: String) async -> HTTPReply {
        await sandbox.answer(OutgoingRequest(.get, url.hasPrefix("sandbox:") ? url : Sandbox.baseURL + url))
    }

    private func value(_ reply: HTTPReply) -> JSONValue { (try? JSONReader.value(of: reply.body)) ?? .null }

    private func submitted(_ sandbox: Sandbox, _ body: JSONValue) async throws -> String {
        let reply = await post(sandbox, body)
        #expect(reply.status == .created)
        return try #require(value(reply)["id"]?.string)
    }

    private static var dataURI: JSONValue { .string("data:image/png;base64," + Base64.encode(World.picture)) }

    @Test func `a job goes through its stages and ends with a real model and thumbnail`() async throws {
        let sandbox = world.sandbox()
        let id = try await submitted(
            sandbox, ["image": Self.dataURI, "seed": 7, "textures": true, "thumbnail": true, "resolution": 1024])
        var last: Int64 = -1
        var states: [String] = []
        for _ in 0..<12 {
            let job = value(await get(sandbox, "/v1/jobs/\(id)"))
            let progress = try #require(job["progress"]?.integer)
            #expect(progress >= last)
            last = progress
            let state = try #require(job["status"]?.string)
            if states.last != state { states.append(state) }
            #expect((state == "finished") == (progress == 100))
            world.pass(0.2)
        }
        #expect(states == ["queued", "running", "finished"])
        let job = value(await get(sandbox, "/v1/jobs/\(id)"))
        let model = await get(sandbox, try #require(job["model_url"]?.string))
        #expect(model.headers["Content-Type"] == "model/gltf-binary")
        #expect(model.body.starts(with: Array("glTF".utf8)))
        let thumbnail = await get(sandbox, try #require(job["thumbnail_url"]?.string))
        let header = try Picture.Header.read(thumbnail.body)
        #expect(header.format == .png && header.width == 400 && header.height == 400)
    }

    @Test func `the same picture and seed make the same file, another seed another`() async throws {
        let sandbox = world.sandbox(duration: 0)
        var models: [[UInt8]] = []
        for seed: Int64 in [7, 7, 8] {
            let id = try await submitted(
                sandbox, ["image": Self.dataURI, "seed": .integer(seed), "textures": true])
            models.append(await get(sandbox, "/v1/files/\(id).glb").body)
        }
        #expect(models[0] == models[1])
        #expect(models[0] != models[2])
    }

    @Test func `a job outlives the sandbox that took it`() async throws {
        let id = try await submitted(world.sandbox(), ["image": Self.dataURI, "seed": 7])
        world.pass(60)
        let other = world.sandbox()
        #expect(value(await get(other, "/v1/jobs/\(id)"))["status"]?.string == "finished")
        #expect(await get(other, "/v1/files/\(id).glb").status == .ok)
    }

    @Test func `without textures there is no material in the file`() async throws {
        let sandbox = world.sandbox(duration: 0)
        let id = try await submitted(sandbox, ["image": Self.dataURI, "seed": 7, "textures": false])
        let text = String(decoding: await get(sandbox, "/v1/files/\(id).glb").body, as: UTF8.self)
        #expect(!text.contains("\"materials\""))
        #expect(!text.contains("TEXCOORD_0"))
    }

    @Test(arguments: [
        ("https://example.com/chair.png", 1), ("https://nowhere.example/a.png", 2),
        ("https://example.com/page.html", 2),
    ])
    func `a picture that cannot be had is replaced, and that is said`(url: String, notes: Int) async throws {
        let sandbox = world.sandbox(duration: 0)
        let id = try await submitted(sandbox, ["image_url": .string(url), "seed": 7])
        let job = value(await get(sandbox, "/v1/jobs/\(id)"))
        #expect(job["notes"]?.array?.count == notes)
        #expect(await get(sandbox, "/v1/files/\(id).glb").status == .ok)
    }

    @Test(arguments: [
        ("reject", 400, "bad_picture"), ("busy", 429, "rate_limited"), ("down", 503, "unavailable"),
    ])
    func `refuses on demand`(mode: String, status: Int, code: String) async {
        let sandbox = world.sandbox()
        let byMetadata = await post(sandbox, ["image": Self.dataURI, "metadata": ["sandbox": .string(mode)]])
        let byName = await post(sandbox, ["image_url": .string("https://example.com/sandbox-\(mode).png?x=1")])
        for reply in [byMetadata, byName] {
            #expect(reply.status == HTTPStatus(status))
            #expect(value(reply)["error"]?["code"]?.string == code)
        }
    }

    @Test func `fails halfway on demand`() async throws {
        let sandbox = world.sandbox()
        let id = try await submitted(sandbox, ["image": Self.dataURI, "metadata": ["sandbox": "fail"]])
        world.pass(0.5)
        #expect(value(await get(sandbox, "/v1/jobs/\(id)"))["status"]?.string == "running")
        world.pass(60)
        let job = value(await get(sandbox, "/v1/jobs/\(id)"))
        #expect(job["status"]?.string == "failed")
        #expect(job["error"]?["code"]?.string == "generation_failed")
        #expect(await get(sandbox, "/v1/files/\(id).glb").status == .notFound)
    }

    @Test func `is slow, hangs, and breaks on demand`() async throws {
        let sandbox = world.sandbox()
        let slow = try await submitted(sandbox, ["image": Self.dataURI, "metadata": ["sandbox": "slow"]])
        let hang = try await submitted(sandbox, ["image": Self.dataURI, "metadata": ["sandbox": "hang"]])
        let broken = try await submitted(sandbox, ["image": Self.dataURI, "metadata": ["sandbox": "broken"]])
        world.pass(4)
        #expect(value(await get(sandbox, "/v1/jobs/\(slow)"))["status"]?.string == "running")
        world.pass(600)
        #expect(value(await get(sandbox, "/v1/jobs/\(slow)"))["status"]?.string == "finished")
        #expect(value(await get(sandbox, "/v1/jobs/\(hang)"))["status"]?.string == "running")
        #expect(await get(sandbox, "/v1/files/\(broken).glb").body == Array("no model".utf8))
    }

    @Test func `a job can be called off until it has ended`() async throws {
        let sandbox = world.sandbox()
        let id = try await submitted(sandbox, ["image": Self.dataURI])
        let cancel = OutgoingRequest(.put, Sandbox.baseURL + "/v1/jobs/\(id)/cancel")
        #expect(await sandbox.answer(cancel).status == .accepted)
        world.pass(60)
        #expect(await sandbox.answer(cancel).status == .conflict)
    }

    @Test(arguments: [
        "", "sb1", "sb1-a-b-c-normal-t0-n-zz", "sb1--1-1-1-normal-t0-n-", "sb9-1-1-1-normal-t0-n-aa", "../etc",
    ])
    func `an id of somebody else's making is no job`(id: String) async {
        #expect(await get(world.sandbox(), "/v1/jobs/\(id)").status == .notFound)
        #expect(SandboxPlan(id: Substring(id)) == nil)
    }

    @Test func `what is no picture is refused`() async {
        for image in ["data:image/png;base64,!!!!", "AAAA", ""] {
            let reply = await post(world.sandbox(), ["image": .string(image)])
            #expect(reply.status == .badRequest)
        }
    }
}
