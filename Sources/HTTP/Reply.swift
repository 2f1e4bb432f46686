/// The right to answer one request later. A small value: hand it to whichever thread will know the answer.
///
/// The first `complete` or `stream` counts, later ones do nothing; neither does an answer to a client that has gone.
package struct Reply: Sendable {
    /// Names one request on one connection: a loop never uses the same pair twice.
    package struct Token: Sendable, Hashable {
        package let connection: UInt32
        package let generation: UInt64

        package init(connection: UInt32, generation: UInt64) {
            self.connection = connection
            self.generation = generation
        }
    }

    package let token: Token
    let outlet: any ReplyOutlet

    package init(token: Token, outlet: any ReplyOutlet) {
        self.token = token
        self.outlet = outlet
    }

    package func complete(with response: HTTPResponse) {
        outlet.post(.complete(response), for: token)
    }

    /// Starts an answer whose length is not known yet, such as an event stream. `head.body` must be `.none` or the
    /// first bytes. The stream ends by `BodyWriter.finish()`, or when the client leaves.
    package func stream(_ head: HTTPResponse) -> BodyWriter {
        let writer = BodyWriter(token: token, outlet: outlet)
        outlet.post(.open(head, writer), for: token)
        return writer
    }

    /// Calls `action` once, on the loop, if the client leaves before the answer is complete, and at once if it has
    /// left already. A long poll ends its wait by it.
    package func onClose(_ action: @escaping @Sendable () -> Void) {
        outlet.post(.watch(action), for: token)
    }

    /// Closes the connection at once, whatever of an answer is out: for programs that play a broken server.
    package func abandon() { outlet.post(.abandon, for: token) }

    /// For hot paths: begins at once, on the loop that asks, and goes on there after every wait, so that nothing is
    /// handed to another thread on the way. The loop's other clients wait meanwhile: `operation` must not compute for
    /// long. It is not canceled when the client leaves.
    package func answerHere(_ operation: @escaping @Sendable () async -> HTTPResponse) {
        Task.immediate(executorPreference: outlet.executor) { complete(with: await operation()) }
    }

    /// For rare paths: answers with what `operation` returns, and cancels it when the client leaves.
    package func answer(_ operation: @escaping @Sendable () async -> HTTPResponse) {
        let task = Task { complete(with: await operation()) }
        onClose { task.cancel() }
    }
}

/// Where replies go: the mailbox of an event loop, or a test's.
package protocol ReplyOutlet: AnyObject, Sendable {
    /// Takes a message from any thread and never blocks for long.
    func post(_ message: ReplyMessage, for token: Reply.Token)

    /// Runs tasks on the loop; nil where there is none.
    var executor: (any TaskExecutor)? { get }
}

extension ReplyOutlet {
    package var executor: (any TaskExecutor)? { nil }
}

package enum ReplyMessage: Sendable {
    case complete(HTTPResponse)
    case open(HTTPResponse, BodyWriter)
    case chunk([UInt8], BodyWriter)
    case finish(BodyWriter)
    case watch(@Sendable () -> Void)
    case abandon
}
