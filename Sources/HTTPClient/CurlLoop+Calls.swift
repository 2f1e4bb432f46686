import CCurl
import HTTP

/// The life of one call on the client's thread: judged, resolved, handed to libcurl, perhaps sent elsewhere, ended.
extension CurlLoop {
    func start(_ job: Job) {
        metrics.started += 1
        guard !job.call.isCanceled else { return refuse(job, .canceled, "canceled before it began") }
        guard active.count < limits.callsInFlight else {
            return refuse(job, .overloaded, "\(limits.callsInFlight) calls are in flight")
        }
        let url: CheckedURL
        do throws(URLFault) {
            url = try CheckedURL(job.request.url, egress: job.policy.egress)
        } catch {
            return refuse(job, error == .address ? .blockedAddress : .malformed, "the URL \(error)")
        }
        guard let handle = idleHandles.popLast() ?? EasyHandle() else {
            return refuse(job, .internal, "no memory for a call")
        }
        let transfer = Transfer(job: job, url: url, handle: handle, sockets: sockets)
        active[job.call.id] = transfer
        resolve(transfer, now: ContinuousClock.now)
    }

    func refuse(_ job: Job, _ kind: CallFailure.Kind, _ diagnosis: String) {
        metrics.failed[kind, default: 0] += 1
        let failure = CallFailure(kind: kind, phase: .waiting, diagnosis: diagnosis, timings: CallTimings())
        ended.append((job, .failure(failure)))
    }

    func resolve(_ transfer: Transfer, now: ContinuousClock.Instant) {
        guard transfer.url.address == nil else { return go(transfer, now: now) }
        transfer.phase = max(transfer.phase, .resolving)
        let name = transfer.url.host
        switch names.want(name, for: transfer.job.call.id, now: now) {
        case .addresses(let addresses):
            transfer.addresses = addresses
            go(transfer, now: now)
        case .none(let reason):
            finish(transfer, .failure(transfer.failure(.resolve, reason, now: now)))
        case .wait(let isFirst):
            resolving.insert(transfer.job.call.id)
            firstWaitEnds = min(firstWaitEnds ?? transfer.waitsUntil, transfer.waitsUntil)
            if isFirst { lookups.lookUp(name) }
        }
    }

    func resolved(_ name: String, _ answer: LookupAnswer) {
        let now = ContinuousClock.now
        for id in names.note(answer, for: name, now: now) {
            // Gone if it was canceled or ran out of time; a later call may not have taken its number.
            guard resolving.remove(id) != nil, let transfer = active[id] else { continue }
            switch answer {
            case .addresses(let addresses):
                transfer.addresses = Array(addresses.prefix(NameCache.addressLimit))
                go(transfer, now: now)
            case .none(let reason): finish(transfer, .failure(transfer.failure(.resolve, reason, now: now)))
            }
        }
        if resolving.isEmpty { firstWaitEnds = nil }
    }

    func endWaits(now: ContinuousClock.Instant) {
        firstWaitEnds = nil
        for id in resolving {
            guard let transfer = active[id] else { continue }
            if transfer.waitsUntil <= now {
                resolving.remove(id)
                finish(
                    transfer, .failure(transfer.failure(.timeout, "the host name was not resolved in time", now: now)))
            } else {
                firstWaitEnds = min(firstWaitEnds ?? transfer.waitsUntil, transfer.waitsUntil)
            }
        }
    }

    /// Hands the call to libcurl.
    func go(_ transfer: Transfer, now: ContinuousClock.Instant) {
        transfer.resolvedAfter = now - transfer.job.startedAt
        guard transfer.prepare(now: now) else {
            let kind: CallFailure.Kind = transfer.stop == nil ? .malformed : .file
            let why = "a header or the body cannot be sent, or the file for the answer is not open"
            return finish(transfer, .failure(transfer.failure(kind, why, now: now)))
        }
        transfer.phase = max(transfer.phase, .connecting)
        let code = curl_multi_add_handle(multi, transfer.easy)
        if code != CURLM_OK {
            let why = String(cString: curl_multi_strerror(code))
            finish(transfer, .failure(transfer.failure(.internal, why, now: now)))
        }
    }

    /// Asks where the answer points to, if it does and may. True when the call goes on, or has ended here.
    func redirect(_ transfer: Transfer, now: ContinuousClock.Instant) -> Bool {
        let redirect = Redirect(
            status: transfer.head.status,
            location: curl_get_text(transfer.easy, CURLINFO_REDIRECT_URL).map { String(cString: $0) },
            of: transfer.request, at: transfer.url, policy: transfer.job.policy, followed: transfer.redirectsFollowed)
        switch redirect {
        case .none: return false
        case .refused(let why): finish(transfer, .failure(transfer.failure(.redirect, why, now: now)))
        case .follow(let url, let request):
            transfer.follow(to: url, request: request)
            resolve(transfer, now: now)
        }
        return true
    }

    func cancel(_ id: UInt64) {
        guard let transfer = active[id] else { return }
        if resolving.remove(id) == nil { curl_multi_remove_handle(multi, transfer.easy) }
        finish(transfer, .failure(transfer.failure(.canceled, "canceled", now: ContinuousClock.now)))
    }

    func finish(_ transfer: Transfer, _ outcome: CallOutcome) {
        active[transfer.job.call.id] = nil
        switch outcome {
        case .success: metrics.answered += 1
        case .failure(let failure): metrics.failed[failure.kind, default: 0] += 1
        }
        metrics.receivedBodyBytes += transfer.bodyBytes
        curl_easy_reset(transfer.easy)
        if idleHandles.count < limits.idleHandles { idleHandles.append(transfer.handle) }
        ended.append((transfer.job, outcome))
    }
}
