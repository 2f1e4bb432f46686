import Testing

@testable import Gateway

struct ExpositionTests {
    private func text(_ body: (inout Exposition) -> Void) -> String {
        var page = Exposition()
        body(&page)
        return String(decoding: page.bytes, as: UTF8.self)
    }

    @Test func `a family has its help and type once, then its samples`() {
        let text = text {
            $0.family("a_total", .counter, "Things, with a \\ and a\nbreak.")
            $0.sample(3, ["kind": "say \"hi\"\n"])
            $0.sample(0.25, ["kind": "b"])
        }
        #expect(
            text == """
                # HELP a_total Things, with a \\\\ and a\\nbreak.
                # TYPE a_total counter
                a_total{kind="say \\"hi\\"\\n"} 3
                a_total{kind="b"} 0.25

                """)
    }

    @Test func `buckets are cumulative and the last is everything`() {
        let text = text {
            $0.family("d_seconds", .histogram, "Durations.")
            $0.histogram(bounds: [0.1, 1], counts: [2, 3, 1], sum: 4.5, ["p": "x"])
        }
        #expect(
            text.hasSuffix(
                """
                d_seconds_bucket{p="x",le="0.1"} 2
                d_seconds_bucket{p="x",le="1"} 5
                d_seconds_bucket{p="x",le="+Inf"} 6
                d_seconds_sum{p="x"} 4.5
                d_seconds_count{p="x"} 6

                """))
    }
}
