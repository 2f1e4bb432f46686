import CCurl
import Glibc
import HTTP

/// One call being made: what goes out, what has come in, and why it stopped if we stopped it.
///
/// Only used on the client's thread; libcurl's callbacks run there too, inside its own calls.
final class Transfer {
    enum Upload {
        case none
        case bytes([UInt8], offset: Int)
        case file(UploadFile, offset: Int)
    }

    /// Why one of our callbacks ended the transfer; libcurl only knows that one did.
    enum Stop: Equatable {
        case blocked(EgressPolicy.Refusal)
        case resendRefused
        case headTooLarge
        case bodyTooLarge
        case cut
        case unwritable(Int32)
        case unreadable
        case streamEnded
    }

    let handle: EasyHandle
    var easy: UnsafeMutableRawPointer { handle.pointer }
    var errorText: UnsafeMutablePointer<CChar> { handle.errorText }
    /// libcurl's pointer to this object; the loop keeps it alive while libcurl has it.
    var context: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }
    let sockets: SocketWatch
    var socketOwner: UnsafeMutableRawPointer { Unmanaged.passUnretained(sockets).toOpaque() }

    let job: Job
    /// What is asked now: the job's request, or where a redirect led.
    var request: OutgoingRequest
    var url: CheckedURL
    /// From a lookup; empty when the host is an address itself.
    var addresses: [NetworkAddress] = []
    var phase = CallPhase.waiting
    var redirectsFollowed = 0
    /// When the call fails if libcurl has not been given it by then.
    var waitsUntil: ContinuousClock.Instant

    var head = ResponseHead()
    var body: [UInt8] = []
    var bodyBytes: Int64 = 0
    var download: DownloadFile?
    var upload = Upload.none
    var stop: Stop?
    var openedSockets = 0
    var timesSent = 0
    var resolvedAfter: Duration = .zero
    var headerList: UnsafeMutablePointer<curl_slist>?
    var resolveList: UnsafeMutablePointer<curl_slist>?

    init(job: Job, url: CheckedURL, handle: EasyHandle, sockets: SocketWatch) {
        self.job = job
        request = job.request
        self.url = url
        self.handle = handle
        self.sockets = sockets
        waitsUntil = job.startedAt + min(job.policy.connectTimeout, job.policy.totalTimeout)
    }

    deinit { freeLists() }

    /// Sets every option for the request as it stands. False when it cannot be sent.
    func prepare(now: ContinuousClock.Instant) -> Bool {
        setSafetyOptions()
        setTLSOptions()
        setLimits(elapsed: now - job.startedAt)
        if case .file(let descriptor) = job.sink, download == nil {
            download = DownloadFile(duplicating: descriptor)
            if download == nil {
                stop = .unwritable(EBADF)
                return false
            }
        }
        return setRequest()
    }

    /// Forgets the answer of a redirect before its target is asked.
    func follow(to url: CheckedURL, request: OutgoingRequest) {
        curl_easy_reset(easy)
        self.url = url
        self.request = request
        redirectsFollowed += 1
        addresses = []
        openedSockets = 0
        timesSent = 0
        stop = nil
        head.reset()
        body.removeAll()
        bodyBytes = 0
        freeLists()
    }

    private func freeLists() {
        curl_slist_free_all(headerList)
        curl_slist_free_all(resolveList)
        headerList = nil
        resolveList = nil
    }
}
