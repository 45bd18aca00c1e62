"""Bytes that arrive over a connection that breaks: numbered, checksummed chunks, asked for again, resumed."""
