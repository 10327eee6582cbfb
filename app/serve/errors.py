"""What can go wrong with a request or with the artifact; the core raises these and knows no HTTP."""

from __future__ import annotations

from dataclasses import dataclass

from app.errors import AppError


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field of a request; never its value, which is a patient's."""

    field: str
    """Path of the field, such as `features.age`."""
    message: str
    code: str
    """Short name of the reason, for machines."""


class ArtifactError(AppError):
    """The artifact is not the one that was released, or can't be served: it is refused for good."""


class InferenceError(AppError):
    """The model gave no probability."""


class NotReadyError(AppError):
    """No model is being served yet, or not any more."""


class UnknownModelError(AppError):
    """A model, or version, that isn't served here was asked for."""


class MalformedBodyError(AppError):
    """The body is not JSON."""


class InvalidRequestError(AppError):
    """The body is JSON, but fields of it are wrong."""

    def __init__(self, errors: tuple[FieldError, ...]) -> None:
        self.errors = errors
        names = ", ".join(dict.fromkeys(error.field for error in errors))
        super().__init__(f"{len(errors)} field{'s' if len(errors) > 1 else ''} refused: {names}.")


class MediaTypeError(AppError):
    """The body is declared to be something else than JSON."""


class BodyTooLargeError(AppError):
    """The body is longer than any valid one."""
