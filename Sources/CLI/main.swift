import Gateway
import Glibc

// A write to a pipe or socket that nobody reads any more is an error to handle, not a reason to die.
signal(SIGPIPE, SIG_IGN)

if CommandLine.arguments.dropFirst().first == "serve" { Gateway.holdSignals() }

exit(await Program.run(CommandLine.arguments.dropFirst()).rawValue)
