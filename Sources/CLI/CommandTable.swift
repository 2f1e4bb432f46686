import Domain
import Gateway

extension Command {
    /// Everything the program can do, in the order of the help page.
    static let all: [Command] = house + accounts + money + work + keeping

    /// The command that `words` begin with, and how many of them are its own.
    static func find(_ words: ArraySlice<String>) throws(UsageFault) -> (Command, ArraySlice<String>) {
        let typed = words.prefix { !$0.hasPrefix("-") }
        for length in stride(from: min(2, typed.count), to: 0, by: -1) {
            let name = Array(typed.prefix(length))
            if let command = all.first(where: { $0.words == name }) { return (command, words.dropFirst(length)) }
        }
        guard let first = typed.first else {
            throw UsageFault(message: "a command is missing before \(words.first ?? "")")
        }
        let group = all.filter { $0.words.first == first }
        guard group.isEmpty else {
            let known = group.map(\.name).joined(separator: ", ")
            guard let second = typed.dropFirst().first else {
                throw UsageFault(message: "\(first) needs one more word: \(known)")
            }
            let seconds = group.compactMap { $0.words.dropFirst().first }
            throw UsageFault(message: "there is no \"\(first) \(second)\"" + hint(second, seconds, else: known))
        }
        let firsts = all.map { $0.words[0] }
        throw UsageFault(message: "there is no command \"\(first)\"" + hint(first, firsts, else: "see --help"))
    }

    private static func hint(_ word: String, _ known: [String], else rest: String) -> String {
        "; " + (Spelling.nearest(to: word, of: known).map { "did you mean \"\($0)\"?" } ?? rest)
    }
}
