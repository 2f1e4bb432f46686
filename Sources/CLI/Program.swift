import Gateway

/// From words to an exit code.
enum Program {
    static func run(_ words: ArraySlice<String>) async -> ExitCode {
        do {
            return try await obey(words)
        } catch let fault as UsageFault {
            Terminal.complain(fault.message)
            let more = fault.command.map { "trellis-gateway \($0.name) --help" } ?? "trellis-gateway --help"
            Terminal.complain("see `\(more)`")
            return .usage
        } catch let failure as Failure {
            Terminal.complain(failure.message)
        } catch {
            Terminal.complain("\(error)")
        }
        return .failed
    }

    private static func obey(_ words: ArraySlice<String>) async throws -> ExitCode {
        switch words.first {
        case nil:
            Terminal.complain(Help.overview)
            return .usage
        case "--help", "-h": return try Help.topic(nil)
        case "--version": return try await obey(["version"])
        default: break
        }
        let group = Command.all.filter { $0.words[0] == words.first && $0.words.count > 1 }
        if !group.isEmpty, words.dropFirst().first == "--help" || words.dropFirst().first == "-h" {
            return try Help.topic(words.first)
        }
        let (command, rest) = try Command.find(words)
        let invocation = try Invocation(command, rest)
        if invocation.wantsHelp {
            Terminal.print(Help.page(command))
            return .done
        }
        switch command.action {
        case .run(let body): return try await body(invocation)
        case .ask(let make):
            do {
                return try await ask(try make(invocation), invocation)
            } catch let fault as UsageFault where fault.command == nil {
                throw UsageFault(message: fault.message, command: command)
            }
        }
    }

    private static func ask(_ request: AdminRequest, _ invocation: Invocation) async throws -> ExitCode {
        let answer: Answer
        if let running = try invocation.runningGateway()?.send(request.method, request.path, request.body) {
            answer = running
        } else {
            let configuration = try invocation.configuration()
            guard request.mayBegin || Gateway.hasData(configuration) else {
                throw Failure(
                    message: "there is no gateway's data in \(configuration.dataDirectory): are --data, --config and "
                        + "the directory you are in right? `serve` or `accounts create` begins a new one")
            }
            let (status, body) = try await Gateway.administer(
                configuration, method: request.method, target: request.path, body: request.body)
            answer = Answer(status: status, body: body)
        }
        try View(invocation, columns: request.columns).show(answer)
        guard answer.isGood else { throw Failure(message: answer.complaint) }
        if let remark = request.remark?(answer) { Terminal.complain(remark) }
        if let objection = request.objection?(answer) { throw Failure(message: objection) }
        return .done
    }
}
