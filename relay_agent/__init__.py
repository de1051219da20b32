"""All that touches a relay's files. Needs the standard library, lmdb, cryptography alone."""
