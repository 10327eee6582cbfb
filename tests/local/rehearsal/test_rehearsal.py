from __future__ import annotations

from local.rehearsal.rehearsal import reasons

LOG = """\
 +  pulumi:pulumi:Stack plinth-dev creating (15s) error: Program failed with an unhandled exception:
 +  plinth:index:Queue cases created
Diagnostics:
  pulumi:pulumi:Stack (plinth-dev):
    error: Program failed with an unhandled exception:
    Traceback (most recent call last):
      File "stacks/__main__.py", line 7, in <module>
        declare()
    ValueError: 8.8.8.0/24 is not private

    error: an unhandled error occurred: a later one
    info: nothing of the kind
"""


def test_what_a_program_raised_is_told_and_not_only_that_it_did() -> None:
    told = reasons(LOG.splitlines())
    assert "ValueError: 8.8.8.0/24 is not private" in told
    assert "error: an unhandled error occurred: a later one" in told
    assert not [line for line in told if "nothing of the kind" in line or "created" in line]
