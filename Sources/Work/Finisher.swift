import Domain
import Files
import GLB
import Store

/// Brings finished work home: download, check, keep, strip, draw, hand over, settle. Whatever it does can be done
/// again from the row, so a crash between any two steps costs only the time.
package struct Finisher: Duty {
    package let name = "finisher"
    package let looksAgain = true
    private let shop: Workshop
    private let models: ModelWork

    package init(_ shop: Workshop, models: ModelWork) {
        self.shop = shop
        self.models = models
    }

    package func pick(
        limit: Int, busy: Busy, now: Instant
    ) async throws(StoreError) -> [Errand] {
        try await shop.store.due([.fetching], limit: limit + busy.count, now: now).compactMap { due in
            busy.contains(due.key) ? nil : Errand(due.key) { await finish(due) }
        }
    }

    private func finish(_ due: DueSlot) async -> Outcome {
        guard let attempt = due.slot.attempt, let handle = attempt.handle, let desk = shop.desk(attempt.provider)
        else { return await again(due, because: "the provider is not configured any more") }
        guard shop.clock.now() < due.task.deadline else { return .stale }
        // A file that brings the whole process down must not do so for ever: counted before it is touched, and
        // forgotten when it came to any orderly end.
        guard due.slot.handlings < shop.settings.routing.maxAttempts else {
            return await shop.fail(
                due,
                Failure(
                    code: "result_unusable",
                    message: "The gateway was stopped \(due.slot.handlings) times while it handled the result."))
        }
        let soon = shop.clock.now() + .seconds(5)
        guard case .changed = await shop.record(.handling(until: soon), due.reference) else { return .postponed }
        if let known = KnownResults.results(in: handle, files: shop.files) {
            let outcome = await finish(due, known, desk)
            if let outcome { return outcome }
        }
        // Nothing known, or its address has died: the provider is asked (again).
        switch await desk.results(shop.job(due, attempt), handle) {
        case .notYet: return await again(due, because: "the result is not there yet")
        case .trouble(let trouble, let evidence):
            shop.tally.fault(desk.id, evidence.fault)
            return await lost(due, trouble, evidence, desk)
        case .have(let results):
            if let outcome = await finish(due, results, desk) { return outcome }
            return await lost(
                due, .generation,
                Evidence(fault: "result_unavailable", message: "the result's address gives no file"), desk)
        }
    }

    /// Nil when the provider no longer has what it spoke of.
    private func finish(_ due: DueSlot, _ results: UpstreamResults, _ desk: any Desk) async -> Outcome? {
        switch await collect(results, due, desk) {
        case .success(let home): return await settle(home, due, desk)
        case .failure(.again(let why)): return await again(due, because: why)
        case .failure(.ours(let why)): return await again(due, because: why, isOurs: true)
        case .failure(.gone(let why)):
            shop.journal.note(.warning, "a result is gone", task: due.task.id, ["why": why])
            return nil
        case .failure(.unusable(let why)):
            return await lost(due, .generation, Evidence(fault: "result_unusable", message: why), desk)
        }
    }

    /// What was brought home.
    private struct Home: Sendable {
        var model: Asset
        var thumbnail: Asset?
        var cost: Int64?
        var adjustments: [Adjustment]
    }

    private enum Setback: Error, Sendable {
        /// It may pass: try again.
        case again(String)
        /// Our own disk: the provider's work is not given up for that.
        case ours(String)
        /// There is nothing at that address.
        case gone(String)
        /// The provider's: what there is is no model.
        case unusable(String)
    }

    private func collect(_ results: UpstreamResults, _ due: DueSlot, _ desk: any Desk) async -> Result<Home, Setback> {
        let request = due.task.request
        let strips = !request.parameters.flag(.textures) && desk.alwaysTextures
        let wantsThumbnail = request.parameters.flag(.generateThumbnail)
        if shop.settings.assets.mode == .passthrough, case .url(let url) = results.model, !strips,
            !wantsThumbnail || results.thumbnail != nil, request.uploadURL == nil, request.responseFormat == .url
        {
            return .success(pointed(to: url, results, due, desk, wantsThumbnail: wantsThumbnail))
        }
        do throws(FilesError) {
            let draft = try shop.files.draft()
            if let setback = await fill(draft, from: results.model) { return .failure(setback) }
            switch await models.check(draft.path) {
            case .success: break
            case .failure(.model(let why)): return .failure(.unusable("the result is no usable model: \(why)"))
            case .failure(.files(let fault)): throw fault
            }
            let name: FileName
            if strips {
                let bare = try shop.files.draft()
                switch await models.strip(draft.path, into: bare.descriptor) {
                case .success: break
                case .failure(.model(let why)): return .failure(.unusable("its textures cannot be removed: \(why)"))
                case .failure(.files(let fault)): throw fault
                }
                name = try await models.keep(bare, in: shop.files).get()
            } else {
                name = try await models.keep(draft, in: shop.files).get()
            }
            guard let path = shop.files.path(of: name) else { return .failure(.ours("the file is gone again")) }
            var home = Home(
                model: Asset(
                    kind: .model, place: .kept(sha256: name.sha256), byteCount: byteCount(path),
                    contentType: "model/gltf-binary"),
                cost: results.costMicrodollars ?? desk.cost(of: request),
                adjustments: desk.adjustments(of: request) + results.notes)
            if wantsThumbnail { home.thumbnail = await thumbnail(results, path, due) }
            await upload(path, due)
            // An upload may take minutes, and another task's end may have been the file's: rather fetched again than
            // promised in vain.
            guard shop.files.renew(name) else { return .failure(.ours("the file is gone again")) }
            return .success(home)
        } catch {
            return .failure(.ours("\(error)"))
        }
    }

    private func pointed(
        to url: String, _ results: UpstreamResults, _ due: DueSlot, _ desk: any Desk, wantsThumbnail: Bool
    ) -> Home {
        Home(
            model: Asset(kind: .model, place: .upstream(url: url), byteCount: 0, contentType: "model/gltf-binary"),
            thumbnail: wantsThumbnail
                ? results.thumbnail.map {
                    Asset(kind: .thumbnail, place: .upstream(url: $0), byteCount: 0, contentType: "image/png")
                } : nil,
            cost: results.costMicrodollars ?? desk.cost(of: due.task.request),
            adjustments: desk.adjustments(of: due.task.request) + results.notes)
    }

    /// Nil when the draft holds the provider's file.
    private func fill(_ draft: borrowing Draft, from source: UpstreamResults.Source) async -> Setback? {
        switch source {
        case .bytes(let bytes):
            do throws(FilesError) { try draft.write(bytes) } catch { return .ours("\(error)") }
            return nil
        case .file(let path):
            guard let bytes = readFile(path) else { return .ours("the file is gone") }
            do throws(FilesError) { try draft.write(bytes) } catch { return .ours("\(error)") }
            return nil
        case .url(let url):
            let assets = shop.settings.assets
            switch await shop.wire.download(
                url, to: draft.descriptor, limit: assets.modelBytes, timeout: assets.downloadTimeout)
            {
            case .done: return nil
            case .later(let why): return .again("the result cannot be fetched now: \(why)")
            case .ours(let why): return .ours("the result cannot be fetched: \(why)")
            case .never(let why): return .gone("the result cannot be fetched: \(why)")
            }
        }
    }

    /// A picture of the model. What goes wrong here costs the picture only, and its credits come back.
    private func thumbnail(_ results: UpstreamResults, _ model: String, _ due: DueSlot) async -> Asset? {
        if let url = results.thumbnail, let asset = await fetchThumbnail(url) { return asset }
        switch await models.draw(model, on: shop.settings.assets.background) {
        case .success(let png): return keepPicture(png, "image/png")
        case .failure(let fault):
            shop.journal.note(.warning, "no thumbnail could be drawn", task: due.task.id, ["why": "\(fault)"])
            return nil
        }
    }

    private func fetchThumbnail(_ url: String) async -> Asset? {
        guard let draft = try? shop.files.draft(),
            case .done = await shop.wire.download(
                url, to: draft.descriptor, limit: 16 << 20, timeout: shop.settings.inputs.fetchTimeout),
            let bytes = readFile(draft.path), let format = shop.pictures.format(of: bytes)
        else { return nil }
        return keepPicture(bytes, format.contentType)
    }

    private func keepPicture(_ bytes: [UInt8], _ contentType: String) -> Asset? {
        guard let name = try? shop.files.keep(bytes) else { return nil }
        return Asset(
            kind: .thumbnail, place: .kept(sha256: name.sha256), byteCount: Int64(bytes.count),
            contentType: contentType)
    }

    /// To the customer's own address, before the task is told finished: who hears of the end finds the file there.
    /// A failure is told in status and changes nothing else. Of several results the first goes.
    private func upload(_ path: String, _ due: DueSlot) async {
        guard let url = due.task.request.uploadURL, due.index == 0 else { return }
        var outcome = "failed"
        for number in 1...3 {
            let sent = await shop.wire.upload(
                path, contentType: "model/gltf-binary", to: url, timeout: shop.settings.assets.downloadTimeout)
            switch sent {
            case .done: outcome = "uploaded"
            case .never(let why): outcome = "failed: \(why)"
            case .later(let why), .ours(let why):
                outcome = "failed: \(why)"
                let wait = shop.settings.pace.wait(.seconds(1 << number))
                if number < 3, (try? await Task.sleep(for: wait)) != nil { continue }
            }
            break
        }
        try? await shop.store.recordUpload(outcome, task: due.task.id, now: shop.clock.now())
    }

    private func settle(_ home: Home, _ due: DueSlot, _ desk: any Desk) async -> Outcome {
        let now = shop.clock.now()
        let ttl = due.task.request.ttl ?? shop.settings.assets.ttl
        let finish = SlotEvent.Finish(
            model: home.model, thumbnail: home.thumbnail, costMicrodollars: home.cost, adjustments: home.adjustments,
            expiresAt: now + ttl)
        switch await shop.record(.finished(finish), due.reference, persistently: true) {
        case .changed:
            shop.tally.finished(after: now - (due.slot.checkedAt ?? now), bytes: home.model.byteCount)
            return .finished
        case .stale:
            if let attempt = due.slot.attempt {
                await shop.keepLate(
                    nil, Evidence(fault: "late_result", message: "a model arrived after the task had ended"),
                    attempt: attempt.id, task: due.task.id)
            }
            return .stale
        case .failed: return .postponed
        }
    }

    /// Tries again later: half as long again as it has been trying, for as long as `assets.patience` allows.
    private func again(_ due: DueSlot, because why: String, isOurs: Bool = false) async -> Outcome {
        let settings = shop.settings
        let now = shop.clock.now()
        let since = now - (due.slot.checkedAt ?? now)
        if !isOurs, since > settings.pace.wait(settings.assets.patience),
            let desk = due.slot.attempt.flatMap({ shop.desk($0.provider) })
        {
            return await lost(due, .generation, Evidence(fault: "result_unavailable", message: why), desk)
        }
        shop.journal.note(isOurs ? .warning : .info, "result not at hand", task: due.task.id, ["why": why])
        let wait = min(max(since / 2, settings.pace.wait(.milliseconds(500))), settings.pace.wait(.seconds(15)))
        return await shop.put(off: due, until: now + wait)
    }

    /// The provider had it done, and yet there is no model: that attempt failed, and perhaps another may try.
    private func lost(_ due: DueSlot, _ trouble: Trouble, _ evidence: Evidence, _ desk: any Desk) async -> Outcome {
        let now = shop.clock.now()
        let kind = RequestKind(due.task.request.parameters)
        let others = await shop.others(than: desk.id, for: due, at: now)
        guard let event = shop.verdict.onGeneration(trouble, evidence, slot: due.slot, others: others, now: now)
        else { return await again(due, because: evidence.message) }
        shop.learn(trouble, evidence, from: desk.id, kind: kind, task: due.task.id, bySubmit: false)
        switch await shop.record(event, due.reference, persistently: true) {
        case .changed: return Outcome(event)
        case .stale: return .stale
        case .failed: return .postponed
        }
    }
}
