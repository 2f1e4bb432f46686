import CCurl
import Glibc
import HTTP

/// What a transfer that libcurl has ended amounts to.
extension Transfer {
    func outcome(_ code: CURLcode, now: ContinuousClock.Instant) -> CallOutcome {
        let isWhole = code == CURLE_OK || (code == CURLE_WRITE_ERROR && stop == .cut)
        // The head of an answer can be cut off without libcurl minding.
        if isWhole, head.isComplete, head.status >= 200 {
            let reply = HTTPReply(HTTPStatus(head.status), headers: head.headers(), body: body)
            return .success(
                Answer(reply: reply, bodyBytes: bodyBytes, isCut: stop == .cut, url: url.text, timings: timings(now)))
        }
        return .failure(
            isWhole ? failure(.truncated, "the head of the answer was cut off", now: now) : failure(code, now))
    }

    func failure(_ kind: CallFailure.Kind, _ diagnosis: String, now: ContinuousClock.Instant) -> CallFailure {
        CallFailure(
            kind: kind, phase: phase, status: head.status == 0 ? nil : HTTPStatus(head.status), diagnosis: diagnosis,
            timings: timings(now))
    }

    private func failure(_ code: CURLcode, _ now: ContinuousClock.Instant) -> CallFailure {
        if let stop, let (kind, diagnosis) = Self.meaning(of: stop, code: code, openedSockets: openedSockets) {
            return failure(kind, diagnosis, now: now)
        }
        let text = String(cString: errorText[0] == 0 ? curl_easy_strerror(code) : UnsafePointer(errorText))
        return failure(Self.kind(of: code, phase: phase), text, now: now)
    }

    private static func meaning(
        of stop: Stop, code: CURLcode, openedSockets: Int
    ) -> (CallFailure.Kind, String)? {
        switch stop {
        case .blocked(let refusal):
            // Of several addresses one may have been refused and another tried: then that one says why it failed.
            code == CURLE_ABORTED_BY_CALLBACK || openedSockets == 0 ? (.blockedAddress, refusal.rawValue) : nil
        case .resendRefused: (.reset, "the connection closed without an answer; the request was not sent again")
        case .headTooLarge: (.tooLarge, "the headers of the answer are larger than the limit")
        case .bodyTooLarge: (.tooLarge, "the body of the answer is larger than the limit")
        case .cut: nil
        case .unwritable(let code): (.file, "could not write the body: \(String(cString: strerror(code)))")
        case .unreadable: (.file, "the file to be sent could not be read to its end")
        case .streamEnded: (.canceled, "whoever took the body wanted no more")
        }
    }

    private static func kind(of code: CURLcode, phase: CallPhase) -> CallFailure.Kind {
        switch code {
        case CURLE_URL_MALFORMAT: .malformed
        case CURLE_UNSUPPORTED_PROTOCOL: phase < .sent ? .malformed : .garbled
        case CURLE_COULDNT_RESOLVE_HOST: .resolve
        case CURLE_COULDNT_CONNECT: .connect
        case CURLE_OPERATION_TIMEDOUT: .timeout
        case CURLE_FILESIZE_EXCEEDED: .tooLarge
        // A header line beyond libcurl's own limit of 100 KB: told as a lack of memory before 8.6, and as
        // CURLE_TOO_LARGE, which older headers do not have, since.
        case CURLE_OUT_OF_MEMORY where phase >= .sent, CURLcode(rawValue: 100): .tooLarge
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
            CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_CRL_BADFILE, CURLE_SSL_INVALIDCERTSTATUS,
            CURLE_SSL_ENGINE_NOTFOUND, CURLE_SSL_ENGINE_SETFAILED, CURLE_USE_SSL_FAILED:
            .tls
        case CURLE_PARTIAL_FILE: .truncated
        case CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_HTTP2, CURLE_HTTP2_STREAM,
            CURLE_SEND_FAIL_REWIND:
            // Before the request went out, a broken connection was none; after the first line of an answer, the rest
            // of that is missing.
            phase < .sent ? .connect : phase < .receiving ? .reset : .truncated
        case CURLE_WEIRD_SERVER_REPLY, CURLE_BAD_CONTENT_ENCODING: .garbled
        case CURLE_ABORTED_BY_CALLBACK: .canceled
        default: .internal
        }
    }

    private func timings(_ now: ContinuousClock.Instant) -> CallTimings {
        var timings = CallTimings()
        timings.total = (now - job.startedAt).wholeMicroseconds
        guard phase >= .connecting else { return timings }
        // libcurl counts from when it was given the call; what came before is ours to add.
        let before = resolvedAfter.wholeMicroseconds
        let since = { (info: CURLINFO) -> Int64 in
            let value = Int64(curl_get_offset(self.easy, info))
            return value > 0 ? before + value : 0
        }
        timings.resolved = before
        if openedSockets > 0 {
            timings.connected = since(CURLINFO_CONNECT_TIME_T)
            timings.secured = since(CURLINFO_APPCONNECT_TIME_T)
        }
        timings.sent = since(CURLINFO_PRETRANSFER_TIME_T)
        timings.firstByte = since(CURLINFO_STARTTRANSFER_TIME_T)
        return timings
    }
}

extension Duration {
    var wholeMicroseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
    }
}
