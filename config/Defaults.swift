// The defaults, embedded.
