/// What a reload changes.
package struct ConfigurationDifference: Sendable {
    package struct Change: Hashable, Sendable {
        package let key: String
        /// As JSON5; secrets are hidden.
        package let before: String
        package let after: String
        package let needsRestart: Bool
    }

    package let changes: [Change]

    package var isEmpty: Bool { changes.isEmpty }
    package var waitingForRestart: [Change] { changes.filter(\.needsRestart) }

    package init(from old: Configuration, to new: Configuration) {
        let before = Dictionary(uniqueKeysWithValues: old.effective.map { ($0.key, $0) })
        changes = new.effective.compactMap { setting in
            guard let was = before[setting.key], was.exact != setting.exact else { return nil }
            return Change(
                key: setting.key, before: was.value, after: setting.value, needsRestart: setting.needsRestart)
        }
    }
}
