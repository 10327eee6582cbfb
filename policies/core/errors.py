"""The one error of the policy pack that a person is meant to read."""

from __future__ import annotations


class PolicyInputError(Exception):
    """A config, an exemption, a state or a manifest that can't be used: value, limit, cause and remedy.

    The command line prints it without a traceback and exits with status 2: nothing was judged.
    """
