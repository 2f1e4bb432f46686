import Domain
import HTTP
import JSON
import Store
import Testing

@testable import API

struct WaitingTests {
    @Test func `a long poll answers at the next change`() async throws {
        try await Front.with { front in
            let id = try await front.task()
            let outlet = Outlet()
            front.api.begin(.get, "/v1/generation-request/\(id)/status?wait=60", key: front.key, outlet: outlet)
            await front.waiters(1)
            #expect(!outlet.hasAnswered)
            try await front.begin(id)
            #expect(Answer(await outlet.response()).json["state"] == "submitting")
            await front.waiters(0)
        }
    }

    @Test func `a long poll ends when its time is up`() async throws {
        try await Front.with { front in
            let id = try await front.task()
            let outlet = Outlet()
            front.api.begin(.get, "/v1/generation-request/\(id)/status?wait=60", key: front.key, outlet: outlet)
            await front.waiters(1)
            #expect(front.api.waiting.runOnce(now: Rig.start + .seconds(59)) == 0)
            #expect(front.api.waiting.runOnce(now: Rig.start + .seconds(60)) == 1)
            #expect(Answer(await outlet.response()).json["state"] == "queued")
            await front.waiters(0)
        }
    }

    @Test func `a poll that is behind is answered at once`() async throws {
        try await Front.with { front in
            let id = try await front.task()
            try await front.begin(id)
            let path = "/v1/generation-request/\(id)/status?wait=60"
            #expect(await front.get(path + "&after=1").json["sequence"] != 1)
            try await front.finish(id)
            #expect(await front.get(path).json["status"] == "FINISHED")
            #expect(await front.get(path + "&after=999").json["status"] == "FINISHED")
        }
    }

    @Test func `a client that leaves ends its wait`() async throws {
        try await Front.with { front in
            let id = try await front.task()
            let (poll, stream) = (Outlet(), Outlet())
            front.api.begin(.get, "/v1/generation-request/\(id)/status?wait=60", key: front.key, outlet: poll)
            front.api.begin(.get, "/v1/generation-request/\(id)/events", key: front.key, outlet: stream)
            await front.waiters(2)
            poll.leave()
            stream.leave()
            await front.waiters(0)
        }
    }

    @Test func `a stream tells every change and ends with the task`() async throws {
        try await Front.with { front in
            let id = try await front.task()
            let outlet = Outlet()
            front.api.begin(.get, "/v1/generation-request/\(id)/events/", key: front.key, outlet: outlet)
            _ = await outlet.stream(holding: "\"state\":\"queued\"")
            #expect(await outlet.response().headers["Content-Type"] == "text/event-stream")
            try await front.begin(id)
            _ = await outlet.stream(holding: "\"state\":\"running\"")
            try await front.progress(id, 50)
            _ = await outlet.stream(holding: "\"progress\":50")
            try await front.finish(id)
            let text = await outlet.finished()
            let ids = text.split(separator: "\n").filter { $0.hasPrefix("id: ") }.compactMap { Int($0.dropFirst(4)) }
            #expect(ids == ids.sorted() && Set(ids).count == ids.count)
            let datas = text.split(separator: "\n").filter { $0.hasPrefix("data: ") }.map { $0.dropFirst(6) }
            let states = try datas.map { try JSONReader.value(of: String($0))["state"]?.string ?? "" }
            #expect(states.first == "queued" && states.last == "finished")
            await front.waiters(0)
        }
    }

    @Test func `a stream resumes after the last event seen, and is over for whoever has seen the end`() async throws {
        try await Front.with { front in
            let id = try await front.task()
            try await front.begin(id)
            let path = "/v1/generation-request/\(id)/events"
            let sequence = try #require(
                await front.get("/v1/generation-request/\(id)/status").json["sequence"]?.integer)
            let outlet = Outlet()
            front.api.begin(
                .get, path, key: front.key, headers: ["Last-Event-ID": "\(sequence)"], outlet: outlet)
            await front.waiters(1)
            try await front.finish(id)
            let text = await outlet.finished()
            #expect(!text.contains("id: \(sequence)\n"))
            #expect(text.contains("\"state\":\"finished\""))
            let last = try #require(await front.get("/v1/generation-request/\(id)/status").json["sequence"]?.integer)
            #expect(await front.get(path, headers: ["Last-Event-ID": "\(last)"]).status == 204)
        }
    }

    @Test func `a stream says that it is still there`() async throws {
        try await Front.with { front in
            let id = try await front.task()
            let outlet = Outlet()
            front.api.begin(.get, "/v1/generation-request/\(id)/events", key: front.key, outlet: outlet)
            _ = await outlet.stream(holding: "\"state\":\"queued\"")
            front.api.waiting.runOnce(now: Rig.start + .seconds(15))
            _ = await outlet.stream(holding: ": still here")
            #expect(front.api.waiting.runOnce(now: Rig.start + .seconds(16)) == 0)
            outlet.leave()
        }
    }

    @Test func `a stream of a finished task tells the end at once`() async throws {
        try await Front.with { front in
            let id = try await front.task()
            try await front.begin(id)
            try await front.finish(id)
            front.store.dropCaches()
            let outlet = Outlet()
            front.api.begin(.get, "/v1/generation-request/\(id)/events", key: front.key, outlet: outlet)
            #expect(await outlet.finished().contains("\"state\":\"finished\""))
            await front.waiters(0)
        }
    }

    @Test func `an account holds no more than its share`() async throws {
        var settings = API.Settings()
        settings.limits.waitingPerAccount = 2
        try await Front.with(settings: settings) { front in
            let id = try await front.task()
            let outlets = [Outlet(), Outlet()]
            for outlet in outlets {
                front.api.begin(.get, "/v1/generation-request/\(id)/events", key: front.key, outlet: outlet)
            }
            await front.waiters(2)
            let refused = await front.get("/v1/generation-request/\(id)/status?wait=5")
            #expect(refused.status == 429 && refused.code == "too_many_waiting")
            for outlet in outlets { outlet.leave() }
        }
    }

    @Test func `all waits end when the gateway stops`() async throws {
        try await Front.with { front in
            let id = try await front.task()
            let (poll, stream) = (Outlet(), Outlet())
            front.api.begin(.get, "/v1/generation-request/\(id)/status?wait=60", key: front.key, outlet: poll)
            front.api.begin(.get, "/v1/generation-request/\(id)/events", key: front.key, outlet: stream)
            await front.waiters(2)
            front.api.waiting.close()
            #expect(Answer(await poll.response()).status == 200)
            _ = await stream.finished()
            #expect(await front.get("/v1/generation-request/\(id)/status?wait=5").status == 503)
        }
    }
}

extension Front {
    /// Waits until as many wait as said.
    func waiters(_ count: Int) async {
        while api.waiting.count != count { await Task.yield() }
    }
}
