extension Configuration {
    /// This configuration as a gateway that runs with `old` can take it over: what needs a restart stays as it was.
    /// Half a change would be worse than none: an admin listener that is asked for but not there would leave the admin
    /// routes nowhere.
    func holding(_ old: Configuration) -> Configuration {
        let before = Dictionary(uniqueKeysWithValues: old.effective.map { ($0.key, $0) })
        var held = Configuration()
        held.file = file
        held.effective = effective.map { $0.needsRestart ? before[$0.key] ?? $0 : $0 }
        for setting in held.effective { Setting.byKey[setting.key]?.apply(&held, setting.exact) }
        return held
    }
}
