import JSON
import Testing

@Suite struct JSONTests {
    @Test func `an integer beyond 2 to the 53 stays exact`() throws {
        #expect(try JSONReader.value(of: Array("9007199254740993".utf8)).integer == 9_007_199_254_740_993)
    }
}
