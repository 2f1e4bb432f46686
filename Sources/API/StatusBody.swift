import Domain
import JSON
import Providers
import Store

/// The public words for a task: the body of a status answer, and of what webhooks tell. Rendered once per change,
/// when the change is committed; a status read only copies it.
package struct StatusBody: Sendable {
    let links: SignedLinks

    package init(links: SignedLinks) { self.links = links }

    package func render(_ task: GenerationTask) -> [UInt8] { render(task, inline: [:]) }

    /// `inline`: models in base64, by slot, for tasks that asked for `b64_json`.
    func render(_ task: GenerationTask, inline models: [Int: [UInt8]]) -> [UInt8] {
        var json = JSONWriter(reserving: 768 + models.values.reduce(0) { $0 + $1.count + 2 })
        json.object { write(task, inline: models, to: &$0) }
        return json.bytes
    }

    /// What subscribers are told: the event around what it speaks of.
    package func event(_ kind: Event.Kind, _ subject: EventSubject, at moment: Instant) -> [UInt8] {
        Self.plainEvent(kind, at: moment) { json in
            switch subject {
            case .task(let task): write(task, to: &json)
            case .wallet(let account, let balance, let mark):
                json.member("account_id", account.description)
                json.member("balance", balance.amount)
                json.member("low_balance", mark.amount)
            case .endpoint(let endpoint, let reason):
                json.member("endpoint_id", endpoint.id.description)
                json.member("url", endpoint.url)
                json.member("reason", reason)
            case .nothing: break
            }
        }
    }

    /// Everything the store wants worded.
    package var rendering: Rendering {
        Rendering(status: { render($0) }, event: { kind, subject, _, moment in event(kind, subject, at: moment) })
    }

    /// An event around any data.
    package static func plainEvent(
        _ kind: Event.Kind, at moment: Instant, _ data: (inout JSONWriter) -> Void
    ) -> [UInt8] {
        var json = JSONWriter(reserving: 256)
        json.object {
            $0.member("type", kind.rawValue)
            $0.member("timestamp", moment.description)
            $0.object("data", data)
        }
        return json.bytes
    }

    /// A rendered body with what changes by itself: the place in the queue and the time left. Finished ones have
    /// neither and are sent as they are.
    static func live(_ body: [UInt8], position: Int?, eta: Duration?) -> [UInt8] {
        // Room for both names and two numbers of twenty digits; by hand, as each status read comes through here.
        [UInt8](unsafeUninitializedCapacity: body.count + 80) { buffer, count in
            count = body.count - 1
            body.withUnsafeBufferPointer { _ = buffer.update(fromContentsOf: $0[..<count]) }
            Self.append(",\"queue_position\":", position.map { UInt64(max(0, $0)) }, to: buffer, &count)
            Self.append(",\"eta_seconds\":", eta.map { UInt64(max(0, $0.components.seconds)) }, to: buffer, &count)
            buffer[count] = UInt8(ascii: "}")
            count += 1
        }
    }

    private static func append(
        _ name: StaticString, _ number: UInt64?, to buffer: UnsafeMutableBufferPointer<UInt8>, _ count: inout Int
    ) {
        func append(_ text: StaticString) {
            for index in 0..<text.utf8CodeUnitCount { buffer[count + index] = text.utf8Start[index] }
            count += text.utf8CodeUnitCount
        }
        append(name)
        guard let number else { return append("null") }
        var digits = 1
        var rest = number
        while rest >= 10 {
            rest /= 10
            digits += 1
        }
        rest = number
        for index in stride(from: count + digits - 1, through: count, by: -1) {
            buffer[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        count += digits
    }

    /// The members of a status, into an object that is open.
    func write(_ task: GenerationTask, to json: inout JSONWriter) { write(task, inline: [:], to: &json) }

    /// The seed's fields first, then ours. Every member is always there, so that no client has to ask.
    private func write(_ task: GenerationTask, inline models: [Int: [UInt8]], to json: inout JSONWriter) {
        json.member("status", Self.word(for: task))
        json.member("progress", task.progress)
        json.member("failure_reason", task.failure?.message)
        json.array("results") { json in
            guard task.state == .finished else { return }
            for slot in task.slots { write(slot, of: task, inline: models[slot.index], to: &json) }
        }
        json.member("task_id", task.id.description)
        json.member("state", task.state.rawValue)
        json.member("sequence", task.version)
        json.member("created_at", task.createdAt.description)
        json.member("started_at", task.startedAt?.description)
        json.member("finished_at", task.finishedAt?.description)
        json.member("expires_at", task.expiresAt?.description)
        json.member("provider", task.speaker?.attempt?.provider.rawValue)
        json.member("seed", task.slots.first?.seedInUse)
        json.member("attempts", task.attemptCount)
        if let failure = task.failure {
            json.object("error") { $0.write(failure) }
        } else {
            json.key("error")
            json.null()
        }
        json.array("adjustments") { for adjustment in task.adjustments { $0.write(adjustment) } }
        json.object("metadata") { json in
            for (name, value) in task.request.metadata.sorted(by: { $0.key < $1.key }) { json.member(name, value) }
        }
        json.member("credits", task.charged)
        if task.request.includeCost { writeCost(of: task, to: &json) }
        if !task.state.isFinal {
            json.member("upstream_status", task.speaker?.upstreamStatus)
            json.member("checked_at", task.speaker?.checkedAt?.description)
        }
        if task.request.uploadURL != nil { json.member("upload", task.uploadOutcome ?? "pending") }
        writeFailedResults(of: task, to: &json)
    }

    private func write(
        _ slot: Slot, of task: GenerationTask, inline base64: [UInt8]?, to json: inout JSONWriter
    ) {
        guard let model = slot.model else { return }
        json.object {
            $0.member("asset", links.asset(model, of: task, slot))
            $0.key("asset_url")
            $0.null()
            $0.member("asset_type", "3D_MODEL")
            $0.member("thumbnail", slot.thumbnail.map { links.asset($0, of: task, slot) })
            $0.key("metadata")
            $0.null()
            $0.member("index", slot.index)
            $0.member("seed", slot.seedInUse)
            $0.member("provider", slot.attempt?.provider.rawValue)
            $0.member("size_bytes", model.byteCount)
            $0.member("content_type", model.contentType)
            if let base64 {
                $0.key("b64_json")
                // Base64 has nothing to escape, and a model is too long to be copied for the look of it.
                $0.raw(utf8: [[UInt8(ascii: "\"")], base64, [UInt8(ascii: "\"")]].joined())
            }
        }
    }

    private func writeCost(of task: GenerationTask, to json: inout JSONWriter) {
        json.object("cost") {
            $0.member("credits_charged", task.price.amount)
            $0.member("credits_settled", task.settled.amount)
            $0.member("credits_refunded", task.refunded.amount)
        }
    }

    /// With several results, some may have failed although the task finished: each says why.
    private func writeFailedResults(of task: GenerationTask, to json: inout JSONWriter) {
        guard task.state == .finished, task.slots.contains(where: { $0.failure != nil }) else { return }
        json.array("failed_results") { json in
            for slot in task.slots {
                guard let failure = slot.failure else { continue }
                json.object {
                    $0.member("index", slot.index)
                    $0.member("seed", slot.seedInUse)
                    $0.object("error") { $0.write(failure) }
                }
            }
        }
    }

    /// The seed's four words, and no other: its clients wait for the last two. Once started, a task never reads
    /// as pending again, even while it waits for another provider.
    static func word(for task: GenerationTask) -> String {
        switch task.state {
        case .queued, .submitting, .unknown: task.startedAt == nil ? "PENDING" : "IN_PROGRESS"
        case .running, .fetching: "IN_PROGRESS"
        case .finished: "FINISHED"
        case .failed, .canceled, .expired: "FAILED"
        }
    }
}

extension Slot {
    /// The seed as far as it means anything: nil once the slot is with a provider that takes none, for there the
    /// number that was drawn, or asked for, makes no model again.
    var seedInUse: Int64? {
        guard let row = attempt.flatMap({ Provider[$0.provider] })?.row(.seed), case .fixed = row.rule else {
            return seed
        }
        return nil
    }
}

extension GenerationTask {
    /// The slot that speaks for the task: the first that made something, else the first that is tried.
    var speaker: Slot? { slots.first { $0.model != nil } ?? slots.first { $0.attempt != nil } }

    /// What came to pass of the charges, once slots have ended.
    var settled: Credits {
        slots.lazy.filter { $0.state == .finished }.flatMap { slot in
            slot.charges.filter { $0.item == .model || slot.thumbnail != nil }
        }.reduce(.zero) { $0 + $1.amount }
    }

    var refunded: Credits {
        let ended = slots.filter(\.state.isFinal).reduce(Credits.zero) { $0 + $1.price }
        return ended - settled
    }

    /// What the task costs as things stand: what was held, less what came back.
    var charged: Int64 { (price - refunded).amount }
}

extension JSONWriter {
    mutating func write(_ failure: Failure) {
        member("code", failure.code)
        member("message", failure.message)
    }

    mutating func write(_ adjustment: Adjustment) {
        object {
            $0.member("param", adjustment.parameter)
            $0.member("from", adjustment.from)
            $0.member("to", adjustment.to)
            $0.member("reason", adjustment.reason)
        }
    }
}
