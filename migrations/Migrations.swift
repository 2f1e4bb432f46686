// The SQL, embedded.
