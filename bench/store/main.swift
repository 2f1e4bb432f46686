// Measures the store against SQLite itself, in one process and interleaved rounds:
//
//     swift run -c release bench-store [submit|status|claims] [--rounds 5] [--seconds 2] [--sizes 1000,100000]
//
// `submit` compares the product's whole submit (FULL, group commit) with the same store at one commit a request, and
// with a bare loop over the C API: same schema, same statements, batches of 32 and of 1, no queue, no hash, no JSON.
//
// `acknowledge` and `list` measure nothing: the power-cut test asks with them what NORMAL would lose.

import CSQLite
import Store

// Before the first connection, for both sides: as the store does it.
_ = trellis_configure()
let arguments = Arguments(CommandLine.arguments.dropFirst())
switch arguments.subject {
case "submit": try await SubmitBench(arguments).run()
case "status": try await StatusBench(arguments).run()
case "claims": try await ClaimsBench(arguments).run()
case "acknowledge": try await Acknowledging(arguments).run()
case "list": try await Acknowledging(arguments).list()
default:
    try await SubmitBench(arguments).run()
    try await StatusBench(arguments).run()
    try await ClaimsBench(arguments).run()
}
