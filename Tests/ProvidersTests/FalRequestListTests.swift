import Domain
import HTTP
import JSON
import Testing

@testable import Providers

/// Whether a job in fal's list is the one whose answer was lost. To take another's would give its model to the wrong
/// customer.
@Suite struct FalRequestListTests {
    static let picture: [UInt8] = [1, 2, 3, 4, 5]
    static let data = "data:image/png;base64," + String(decoding: Base64.encodedBytes(picture), as: UTF8.self)
    static let another = "data:image/png;base64," + String(decoding: Base64.encodedBytes([9, 9]), as: UTF8.self)
    static let copy = "https://v3.fal.media/files/copy.png"

    /// What is made of a list with these pictures, all of our seed.
    private func reading(_ shown: [String], chosen: Bool) -> String {
        var job = UpstreamJob.make()
        job.picture = .bytes(Self.picture, contentType: "image/png")
        job.seed = 7
        if chosen { job.parameters.given[.seed] = .integer(7) }
        let items = shown.enumerated().map { number, picture in
            "{\"request_id\":\"\(number)\",\"json_input\":{\"seed\":7,\"image_url\":\"\(picture)\"}}"
        }
        let body = "{\"items\":[\(items.joined(separator: ","))],\"has_more\":false}"
        let reply = HTTPReply(.ok, headers: [:], body: Array(body.utf8))
        return switch Provider.fal.readReconciliation(reply, job, Provider.fal.testSettings) {
        case .found(let handle): "found \(handle.id)"
        case .absent: "absent"
        case .unclear: "unclear"
        }
    }

    @Test(arguments: [true, false])
    func `our own bytes are known again among others of the same seed`(chosen: Bool) {
        #expect(reading([Self.another, Self.data], chosen: chosen) == "found 1")
        #expect(reading([Self.another], chosen: chosen) == "absent")
        #expect(reading([Self.data, Self.data], chosen: chosen) == "unclear")
    }

    @Test func `behind an address only a seed that was drawn tells ours`() {
        #expect(reading([Self.copy], chosen: false) == "found 0")
        #expect(reading([Self.copy], chosen: true) == "unclear")
        #expect(reading([Self.copy, Self.data], chosen: true) == "found 1")
    }
}
