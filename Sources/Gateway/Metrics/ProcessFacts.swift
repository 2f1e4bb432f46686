import Glibc

/// What the kernel says of this process.
struct ProcessFacts {
    let residentBytes: Int
    let cpuSeconds: Double
    let openDescriptors: Int
    let maxDescriptors: UInt64

    init() {
        var usage = rusage()
        getrusage(RUSAGE_SELF.rawValue, &usage)
        let seconds = { (time: timeval) in Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        cpuSeconds = seconds(usage.ru_utime) + seconds(usage.ru_stime)
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        maxDescriptors = UInt64(limit.rlim_cur)
        openDescriptors = Self.entries(of: "/proc/self/fd")
        residentBytes = Self.residentPages() * sysconf(Int32(_SC_PAGESIZE))
    }

    private static func entries(of path: String) -> Int {
        guard let directory = opendir(path) else { return 0 }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        // `.`, `..` and the descriptor that reads the directory.
        return max(0, count - 3)
    }

    /// The second number of /proc/self/statm (proc_pid_statm(5)).
    private static func residentPages() -> Int {
        let descriptor = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return 0 }
        defer { close(descriptor) }
        var text = [UInt8](repeating: 0, count: 128)
        let count = read(descriptor, &text, text.count)
        let words = text.prefix(max(0, count)).split(separator: 0x20)
        return words.count > 1 ? Int(String(decoding: words[1], as: UTF8.self)) ?? 0 : 0
    }
}
