"""Build them before the tests want them: `python -m gotools`. Where that cannot be, the tests say so."""

from __future__ import annotations

import time

from gotools import PACKAGES, go_tool
from servers import ServerUnavailable

begun = time.monotonic()
print("helm, actionlint: the first build takes one to two minutes", flush=True)
try:
    tools = [str(go_tool(name)) for name in PACKAGES]
except ServerUnavailable as error:
    print(f"not to be had: {error}")
else:
    print(f"{', '.join(tools)} after {time.monotonic() - begun:.0f} seconds")
