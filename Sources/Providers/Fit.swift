import Domain

/// Whether a provider can do a request, and with which values.
package enum Fit: Sendable, Hashable {
    case asIs
    /// It can with these values instead, and the request allows that.
    case adjusted([Adjustment], Parameters)
    case cannot([Obstacle])

    /// The values to send, of a request that asked for `parameters`; nil when it cannot be done.
    package func parameters(of request: GenerationRequest) -> Parameters? {
        switch self {
        case .asIs: request.parameters
        case .adjusted(_, let parameters): parameters
        case .cannot: nil
        }
    }

    package var adjustments: [Adjustment] {
        if case .adjusted(let adjustments, _) = self { adjustments } else { [] }
    }

    package var obstacles: [Obstacle] {
        if case .cannot(let obstacles) = self { obstacles } else { [] }
    }
}

/// What stands in the way of a request at one provider.
package struct Obstacle: Sendable, Hashable {
    package let parameter: Parameter
    /// A whole sentence for the customer.
    package let reason: String
    /// What to change so that it is in the way no more; nil for what cannot be changed.
    let remedy: [Change]?

    struct Change: Sendable, Hashable {
        let parameter: Parameter
        /// nil: as if it had not been given.
        let value: ParameterValue?
    }
}

/// What we have to offer where a provider cannot take the picture's bytes.
package struct PictureDelivery: Sendable, Hashable {
    /// Whether pictures kept by us can be served at an address the provider reaches (`public_url`).
    package let canHost: Bool

    package init(canHost: Bool) { self.canHost = canHost }
}

extension Provider {
    /// Holds a request against the table. Pure: routing, a quote and the dispatcher all ask this.
    package func fit(_ request: GenerationRequest, pictures: PictureDelivery) -> Fit {
        let obstacles = obstacles(to: request.parameters) + pictureObstacles(request.picture, pictures)
        if obstacles.isEmpty { return .asIs }
        guard request.onUnsupported == .adjust else { return .cannot(obstacles) }
        var bent = request.parameters
        var adjustments: [Adjustment] = []
        for obstacle in obstacles {
            guard let remedy = obstacle.remedy else { return .cannot(obstacles.filter { $0.remedy == nil }) }
            for change in remedy where bent.given[change.parameter] != change.value {
                let before = bent[change.parameter]
                bent.given[change.parameter] = change.value
                guard bent[change.parameter] != before else { continue }
                adjustments.append(
                    Adjustment(
                        parameter: change.parameter.rawValue, from: before.map(String.init(describing:)),
                        to: bent[change.parameter].map(String.init(describing:)), reason: obstacle.reason))
            }
        }
        // A change can make another necessary only by a mistake in the tables; better refused than sent.
        let left = self.obstacles(to: bent)
        return left.isEmpty ? .adjusted(adjustments, bent) : .cannot(left)
    }

    private func obstacles(to parameters: Parameters) -> [Obstacle] {
        let parameters = parameters.asSent
        var obstacles = rows.compactMap { obstacle($0, parameters) }
        // Three rows, one matter: the stages' steps are told of once.
        if let first = obstacles.firstIndex(where: { Parameter.stageSteps.contains($0.parameter) }),
            rows.contains(where: { if case .oneForAllStages = $0.rule { true } else { false } })
        {
            let kept = obstacles[first].parameter
            obstacles.removeAll { Parameter.stageSteps.contains($0.parameter) && $0.parameter != kept }
        }
        return obstacles + contradictions(in: parameters)
    }

    private func obstacle(_ row: Row, _ parameters: Parameters) -> Obstacle? {
        let parameter = row.parameter
        switch row.rule {
        case .picture, .stages, .resolution, .gateway: return nil
        case .sent(_, let accepted, _):
            guard let value = parameters[parameter], accepted.wire(value) == nil else { return nil }
            return Obstacle(
                parameter: parameter,
                reason: "\(parameter.rawValue) must be \(accepted.words) at \(name); got \(value)",
                remedy: accepted.nearest(to: value).map { [.init(parameter: parameter, value: $0)] })
        case .fixed(let fixed, let reason):
            guard let value = parameters.given[parameter], value != fixed else { return nil }
            return Obstacle(
                parameter: parameter, reason: "\(parameter.rawValue) \(value) cannot be had at \(name): \(reason)",
                remedy: [.init(parameter: parameter, value: nil)])
        case .oneForAllStages: return stageObstacle(parameter, parameters)
        }
    }

    /// One number for all stages: differing ones cannot be said there.
    private func stageObstacle(_ parameter: Parameter, _ parameters: Parameters) -> Obstacle? {
        let stages = Parameter.stageSteps.map { parameters.integer($0) }
        let range = stepsRange
        guard let most = stages.max() else { return nil }
        if stages.allSatisfy({ $0 == most }), range.contains(most) { return nil }
        // Named is the stage that stands out; the best of the three is the nearest that one number comes.
        guard parameters.given[parameter] != nil else { return nil }
        let common = min(max(most, range.lowerBound), range.upperBound)
        return Obstacle(
            parameter: parameter,
            reason: "\(name) has one number of steps, \(range.lowerBound) to \(range.upperBound), for all stages; "
                + "got \(stages.map(String.init).joined(separator: ", "))",
            remedy: [.init(parameter: .steps, value: .integer(common))]
                + Parameter.stageSteps.map { .init(parameter: $0, value: nil) })
    }

    private var stepsRange: ClosedRange<Int64> {
        if case .sent(_, let accepted, _)? = row(.steps)?.rule, case .integer(let range) = accepted.form {
            return range
        }
        return 1...50
    }

    /// What means nothing anywhere: an interval that ends before it begins, a pipeline that is not the
    /// resolution's.
    private func contradictions(in parameters: Parameters) -> [Obstacle] {
        var found = Parameter.intervals.compactMap { start, end -> Obstacle? in
            guard let from = parameters[start]?.number, let to = parameters[end]?.number, from > to else { return nil }
            return Obstacle(
                parameter: end,
                reason: "\(end.rawValue) must not be below \(start.rawValue); got \(ParameterValue.number(from)) to "
                    + "\(ParameterValue.number(to))",
                remedy: nil)
        }
        if let value = parameters.given[.pipelineType], value != Parameters(resolutionOf: parameters)[.pipelineType] {
            found.append(
                Obstacle(
                    parameter: .pipelineType,
                    reason: "pipeline_type \(value) contradicts resolution \(parameters.integer(.resolution))",
                    remedy: [.init(parameter: .pipelineType, value: nil)]))
        }
        return found
    }

    private func pictureObstacles(_ picture: PictureSource, _ pictures: PictureDelivery) -> [Obstacle] {
        guard case .kept = picture, !self.picture.takesBytes, !pictures.canHost else { return [] }
        return [
            Obstacle(
                parameter: .image,
                reason: "\(name) takes pictures only by address: give image_url, or set public_url in the gateway's "
                    + "config so that it can serve the picture itself",
                remedy: nil)
        ]
    }
}

extension Parameter {
    static let stageSteps: [Parameter] = [.ssSteps, .shapeSteps, .texSteps]
}

extension Parameters {
    /// The values that go out: without textures the smallest texture is asked for, as it is thrown away.
    var asSent: Parameters {
        guard !flag(.textures) else { return self }
        var sent = self
        sent.given[.textureSize] = .integer(1024)
        return sent
    }

    /// Only what follows from the resolution.
    init(resolutionOf other: Parameters) {
        self.init(other[.resolution].map { [.resolution: $0] } ?? [:])
    }
}
