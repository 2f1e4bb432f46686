import Domain
import HTTP
import JSON

/// The requests a provider is sent. Each carries its key, so none of them may follow a redirect or go anywhere but
/// to the provider's own host; results are fetched by plain requests that are not made here.
extension Provider {
    /// Buys a job.
    package func submission(_ job: UpstreamJob, _ settings: ProviderSettings) -> OutgoingRequest {
        var body = body(of: job)
        if let odd = odd.body { body = odd(body, job) }
        var url = settings.baseURL + submitPath
        var headers = headers(settings)
        if let more = odd.headers?(job) { for (name, value) in more { headers.set(name, value) } }
        if let address = job.callbackURL {
            switch callback {
            case .none, .field: break
            case .header(let name): headers.set(name, address)
            case .query(let name): url += "?\(name)=\(PercentCoding.encode(address))"
            }
        }
        return .json(.post, url, headers: headers, body: body.bytes)
    }

    /// Asks how a job stands.
    package func look(_ handle: UpstreamHandle, _ settings: ProviderSettings) -> OutgoingRequest {
        odd.look?(handle, settings) ?? get(path(lookPath, handle), settings)
    }

    /// Calls a job off, where that can be done.
    package func cancellation(_ handle: UpstreamHandle, _ settings: ProviderSettings) -> OutgoingRequest? {
        odd.cancel?(handle, settings)
    }

    /// Asks for the jobs of a time, to find one whose answer was lost; nil where there is no such list.
    package func reconciliation(_ window: ReconcileWindow, _ settings: ProviderSettings) -> OutgoingRequest? {
        odd.reconcile?(window, settings)
    }

    package var canReconcile: Bool { odd.reconcile != nil }
    package var canCancel: Bool { odd.cancel != nil }

    /// A cheap call that shows whether the key is good, and what is left; nil where none is known. `token` is a fresh
    /// version 4 UUID, for providers that want every call named.
    package func balance(_ settings: ProviderSettings, token: String) -> OutgoingRequest? {
        odd.balance?(token, settings)
    }

    /// The values of `job` under the provider's own names, and nothing that it does not take.
    private func body(of job: UpstreamJob) -> WireValue {
        let parameters = job.parameters.asSent
        var body = WireValue.nothing
        for constant in constants { body.put(.json(constant.value), at: constant.path) }
        for row in rows {
            switch row.rule {
            case .picture:
                // Two rows, one field: the first of them writes it.
                if row.parameter == .imageURL { put(job.picture, into: &body) }
            case .sent(let path, let accepted, let occasion):
                let value = row.parameter == .seed ? job.seed.map { .integer($0) } : parameters[row.parameter]
                guard let value, let wire = accepted.wire(value) else { continue }
                if occasion == .whenUnusual, value == row.parameter.standard { continue }
                body.put(.json(wire), at: path)
            case .stages, .oneForAllStages, .resolution, .gateway, .fixed: break
            }
        }
        if case .field(let name) = callback, let address = job.callbackURL {
            body.put(.json(.string(address)), at: name)
        }
        return body
    }

    private func put(_ picture: UpstreamPicture, into body: inout WireValue) {
        switch (picture, self.picture) {
        case (.url(let url), .addressOnly(let field)), (.url(let url), .addressOrData(let field, _)):
            body.put(.json(.string(url)), at: field)
        case (.bytes(let bytes, let contentType), .addressOrData(_, let field)):
            body.put(.picture(bytes, contentType: contentType), at: field)
        case (.bytes, .addressOnly): break
        }
    }

    func get(_ path: String, _ settings: ProviderSettings) -> OutgoingRequest {
        OutgoingRequest(.get, settings.baseURL + path, headers: headers(settings))
    }

    func headers(_ settings: ProviderSettings) -> Headers {
        var headers: Headers = ["Accept": "application/json"]
        if case .header(let name, let prefix) = authentication, let key = settings.key {
            // A key with a line break in it cannot be sent; without one the provider says 401, and that is told.
            try? headers.add(name, from: prefix + key.revealed)
        }
        return headers
    }

    func path(_ pattern: String, _ handle: UpstreamHandle) -> String {
        pattern.split(separator: "{id}", omittingEmptySubsequences: false)
            .joined(separator: PercentCoding.encode(handle.id))
    }
}

extension ProviderSettings {
    /// The base for a provider's other hosts (`api.fal.ai` beside `queue.fal.run`): its own where the base is the
    /// provider's, and the configured one where that points somewhere else, such as a test's.
    func base(_ other: String, beside usual: String) -> String { baseURL == usual ? other : baseURL }
}
