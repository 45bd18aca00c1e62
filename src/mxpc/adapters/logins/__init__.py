"""Logins without a password: the clouds' identities, and the tokens and temporary keys that they are worth.

Whatever is fetched here is kept in memory only, and no error quotes it.
"""
