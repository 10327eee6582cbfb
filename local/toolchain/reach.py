"""Whether any module proxy answers, asked within a bounded time before anything is compiled.

Go itself waits for a silent proxy without end, and asks it once for each of a thousand modules. Where none
answers, the build goes on without any: complete caches still do, and whatever is missing fails at once.
"""

from __future__ import annotations

import base64
import re
import urllib.error
import urllib.request
from urllib.parse import unquote, urlsplit, urlunsplit

from local.toolchain.golang import without_credentials

ANSWER_SECONDS = 15.0
"""How long one proxy may take for a few bytes."""

WITHOUT = {"direct", "off", "none"}
"""Words of GOPROXY that name no proxy; `direct` leads to as many hosts as there are modules."""


def silence(proxies: str, module: str, seconds: float = ANSWER_SECONDS) -> str:
    """Why no proxy answers, one sentence for each; empty if one does, or if there is one that isn't asked.

    Args:
        proxies: value of GOPROXY.
        module: any module's path, to be asked for.
        seconds: for each proxy.
    """
    reasons = []
    for proxy in re.split(r"[,|]", proxies):
        address = proxy.strip()
        if address in WITHOUT or not address.startswith(("http://", "https://")):
            if address == "off":
                continue
            return ""
        reason = _ask(address, module, seconds)
        if not reason:
            return ""
        reasons.append(f"{without_credentials(address)} {reason}")
    return "; ".join(reasons)


def _ask(proxy: str, module: str, seconds: float) -> str:
    parts = urlsplit(proxy)
    host = parts.netloc.rpartition("@")[2]
    escaped = re.sub("[A-Z]", lambda letter: f"!{letter[0].lower()}", module)
    path = f"{parts.path.rstrip('/')}/{escaped}/@v/list"
    request = urllib.request.Request(urlunsplit((parts.scheme, host, path, "", "")))  # noqa: S310 - http, as checked
    if parts.username:
        words = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        request.add_header("Authorization", f"Basic {base64.b64encode(words).decode()}")
    try:
        with urllib.request.urlopen(request, timeout=seconds):  # noqa: S310 - as above
            return ""
    except urllib.error.HTTPError:
        return (
            ""  # it answers, if only to say no: what else is wrong with it, Go finds out by itself, and soon
        )
    except TimeoutError:
        return f"does not answer within {seconds:.0f} s"
    except (OSError, ValueError) as error:
        cause = getattr(error, "reason", error)
        if isinstance(cause, TimeoutError):
            return f"does not answer within {seconds:.0f} s"
        return f"can't be reached: {cause}"
