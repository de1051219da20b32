"""All that touches a relay's files. Needs the standard library and lmdb; nothing of ours."""
