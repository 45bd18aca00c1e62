"""The Mendix Cloud V4 file and nothing else: bytes in, bytes out, no service."""
