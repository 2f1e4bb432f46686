import Domain
import Files
import HTTP
import JSON
import Store
import Testing

@testable import API

struct SubmitTests {
    @Test func `takes a request, its credits, and answers the seed's fields first`() async throws {
        try await Front.with { front in
            let answer = await front.submit()
            #expect(answer.status == 200)
            #expect(answer.json.object?.names.prefix(2) == ["task_id", "created_at"])
            #expect(answer.json["created_at"] == "2026-03-02T12:00:00Z")
            #expect(answer.json["status"] == "PENDING" && answer.json["credits"] == 20)
            #expect(answer.headers["X-Credits-Charged"] == "20")
            #expect(answer.headers["X-Credits-Remaining"] == "980")
            #expect(answer.headers["Server-Timing"]?.hasPrefix("gateway;dur=") == true)
            let wallet = await front.get("/v1/wallet/")
            #expect(wallet.text == #"{"balance":980,"held":20,"spent":0}"#)
        }
    }

    @Test func `keeps a picture once under its hash and remembers it`() async throws {
        try await Front.with { front in
            let body = "{\"image\":\"data:image/png;base64,\(Base64.encode(Rig.picture))\"}"
            let id = try await front.task(body)
            let task = try #require(try await front.store.task(id))
            guard case .kept(let picture) = task.request.picture else {
                Issue.record("not kept: \(task.request.picture)")
                return
            }
            #expect(picture.sha256 == API.hexadecimal(Rig.digest(Rig.picture)))
            #expect(picture.width == 1 && picture.height == 1 && picture.format == .png)
            #expect(front.files.usedBytes == Int64(Rig.picture.count))
            _ = try await front.task(body)
            #expect(front.files.usedBytes == Int64(Rig.picture.count))
        }
    }

    @Test func `charges each result and its thumbnail, with seeds that differ`() async throws {
        try await Front.with { front in
            let id = try await front.task(
                #"{"image_url":"https://example.com/a.png","number_results":4,"generate_thumbnail":true,"textures":true,"texture_size":4096,"resolution":1536,"seed":2147483646}"#
            )
            let task = try #require(try await front.store.task(id))
            #expect(task.price == 228)
            #expect(task.slots.map(\.seed) == [2_147_483_646, 2_147_483_647, 0, 1])
        }
    }

    @Test func `draws seeds when none is given`() async throws {
        try await Front.with { front in
            let id = try await front.task(#"{"image_url":"https://example.com/a.png","number_results":4}"#)
            let task = try #require(try await front.store.task(id))
            #expect(Set(task.slots.map(\.seed)).count == 4)
            #expect(task.slots.allSatisfy { (0..<(1 << 31)).contains($0.seed) })
            #expect(task.request.parameters.seed == nil)
        }
    }

    @Test func `refuses what the wallet does not hold, and moves nothing`() async throws {
        try await Front.with(credits: 19) { front in
            let answer = await front.submit()
            #expect(answer.status == 402 && answer.code == "insufficient_credits")
            #expect(answer.json["error"]?["required"] == 20 && answer.json["error"]?["balance"] == 19)
            let tasks = try await front.store.tasks(of: front.account, TaskFilter()).items
            #expect(tasks.isEmpty)
        }
    }

    @Test func `does not keep a picture that nobody can pay for`() async throws {
        try await Front.with(credits: 1) { front in
            let answer = await front.submit("{\"image\":\"\(Base64.encode(Rig.picture))\"}")
            #expect(answer.status == 402)
            #expect(front.files.usedBytes == 0)
        }
    }

    @Test func `names per provider what stands in the way, before anything is charged`() async throws {
        let obstacle = RouteChoice.Obstacle(
            parameter: "steps", message: "takes the same steps for all stages", isTemporary: false)
        try await Front.with(
            credits: 1000,
            { $0.route = { _, _ in [RouteChoice(provider: "fal", obstacles: [obstacle])] } }
        ) { front in
            let answer = await front.submit()
            #expect(answer.status == 400 && answer.code == "no_provider_fits")
            #expect(answer.json["error"]?["details"]?[0]?["provider"] == "fal")
            #expect(answer.json["error"]?["param"] == "steps")
            #expect(front.store.balance(of: front.account) == 1000)
        }
    }

    /// What stands in the way, whether the request allows to adjust it, whether that helps, and what is suggested.
    @Test(arguments: [
        ("steps", "refuse", true, "on_unsupported"), ("steps", "refuse", false, "GET /v1/providers/"),
        ("steps", "adjust", false, "GET /v1/providers/"), ("image", "refuse", false, "image_url"),
        ("image", "adjust", false, "image_url"), (nil, "refuse", false, "auto"),
    ])
    func `suggests only what would help`(parameter: String?, wish: String, helps: Bool, suggestion: String) async throws
    {
        let obstacle = RouteChoice.Obstacle(parameter: parameter, message: "no", isTemporary: false)
        try await Front.with(
            credits: 1000,
            {
                $0.route = { request, _ in
                    [
                        RouteChoice(
                            provider: "pixazo", obstacles: helps && request.onUnsupported == .adjust ? [] : [obstacle])
                    ]
                }
            }
        ) { front in
            let answer = await front.submit(
                #"{"image_url":"https://example.com/a.png","on_unsupported":"\#(wish)"}"#)
            let told = try #require(answer.json["error"]?["suggestion"]?.string)
            #expect(answer.code == "no_provider_fits" && told.contains(suggestion), "\(told)")
            #expect(told.contains("on_unsupported") == helps)
        }
    }

    @Test func `takes a data URI however its scheme is written, and says what is wrong with one`() async throws {
        let picture = Base64.encode(Rig.picture)
        try await Front.with { front in
            for start in ["Data:image/png;base64,", "DATA:IMAGE/PNG;BASE64,"] {
                #expect(await front.submit("{\"image\":\"\(start)\(picture)\"}").status == 200)
            }
            let answer = await front.submit(#"{"image":"R0lGODlh"}"#)
            #expect(answer.code == "validation_failed" && answer.json["error"]?["param"] == "image")
            #expect(answer.json["error"]?["suggestion"]?.string?.contains("image_url") == true)
        }
    }

    @Test func `lets a task wait for a provider that is only busy`() async throws {
        let obstacle = RouteChoice.Obstacle(parameter: nil, message: "full", isTemporary: true)
        try await Front.with(
            credits: 1000,
            { $0.route = { _, _ in [RouteChoice(provider: "fal", obstacles: [obstacle])] } }
        ) { front in
            #expect(await front.submit().status == 200)
        }
    }

    @Test func `draws no number twice, whoever draws`() async {
        let random = Randomness()
        let numbers = await withTaskGroup(of: [UInt64].self) { group in
            for _ in 0..<8 {
                group.addTask {
                    var own = random
                    return (0..<500).map { _ in own.next() }
                }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
        #expect(Set(numbers).count == 4000)
        #expect(!numbers.contains(0))
    }

    @Test func `asks for reasons only when nobody takes it, or the sandbox is asked for something`() async throws {
        let adjustment = Adjustment(parameter: "steps", from: "60", to: "50", reason: "no more")
        let asked = Locked(0)
        try await Front.with(
            credits: 1000,
            {
                $0.taker = { request, _ in
                    request.metadata["nobody"] == nil ? RouteChoice(provider: "fal", adjustments: [adjustment]) : nil
                }
                $0.route = { _, _ in
                    asked.withLock { $0 += 1 }
                    return [RouteChoice(provider: .sandbox)]
                }
                $0.sandboxWords = ["fail"]
            }
        ) { front in
            func submit(_ metadata: String) async -> Answer {
                await front.submit("{\"image_url\":\"https://example.com/a.png\",\"metadata\":\(metadata)}")
            }
            let answer = await submit("{}")
            #expect(answer.status == 200 && answer.json["adjustments"]?[0]?["param"] == "steps")
            #expect(answer.json["notice"] == nil && asked.withLock { $0 } == 0)
            #expect(await submit("{\"nobody\":\"1\"}").json["notice"] != nil)
            #expect(await submit("{\"sandbox\":\"fial\"}").status == 400)
            #expect(await submit("{\"sandbox\":\"fail\"}").status == 200)
            #expect(asked.withLock { $0 } == 3)
        }
    }

    @Test func `says 503 when there is nobody to send work to`() async throws {
        try await Front.with(credits: 1000, { $0.route = { _, _ in [] } }) { front in
            let answer = await front.submit()
            #expect(answer.status == 503 && answer.headers["Retry-After"] != nil)
        }
    }

    @Test func `answers with the end when asked to wait for it`() async throws {
        try await Front.with { front in
            let outlet = Outlet()
            front.api.begin(
                .post, Front.submitPath, key: front.key, headers: ["Prefer": "wait=30"], body: Front.body,
                outlet: outlet)
            let id = try await front.onlyTask()
            try await front.begin(id)
            try await front.finish(id)
            let answer = Answer(await outlet.response())
            #expect(answer.status == 200 && answer.json["status"] == "FINISHED")
            #expect(answer.json["task_id"]?.string == id.description)
            #expect(answer.headers["Preference-Applied"] == "wait=30")
            #expect(answer.headers["X-Credits-Charged"] == "20")
        }
    }

    @Test func `tells what is left of the rate`() async throws {
        var settings = API.Settings()
        settings.limits.requestsPerMinute = 2
        try await Front.with(settings: settings) { front in
            #expect(await front.submit().headers["RateLimit"] == "\"minute\";r=1;t=0")
            #expect(await front.submit().status == 200)
            let refused = await front.submit()
            #expect(refused.status == 429 && refused.code == "rate_limited")
            #expect(refused.headers["Retry-After"] == "30")
            #expect(refused.headers["RateLimit-Policy"] == "\"minute\";q=2;w=60")
            front.clock.advance(.seconds(30))
            #expect(await front.submit().status == 200)
        }
    }

    @Test func `bounds the tasks an account has under way`() async throws {
        var settings = API.Settings()
        settings.limits.concurrentTasks = 2
        try await Front.with(settings: settings) { front in
            let first = try await front.task()
            _ = try await front.task()
            let refused = await front.submit()
            #expect(refused.status == 429 && refused.code == "too_many_tasks")
            _ = await front.post("/v1/generation-request/\(first)/cancel/")
            #expect(await front.submit().status == 200)
        }
    }
}

extension Front {
    /// The one task there is, as soon as it is there.
    func onlyTask() async throws -> TaskID {
        while true {
            if let task = try await store.tasks(of: account, TaskFilter()).items.first { return task.id }
            await Task.yield()
        }
    }
}
