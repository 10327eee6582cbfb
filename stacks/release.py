"""What is served, and from which images: small files of their own beside the stack's config."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stacks.errors import ConfigError, findings_of

RELEASES = Path(__file__).resolve().parent / "releases"

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
DigestReference = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._:/-]*@sha256:[0-9a-f]{64}$")]
"""An image by content; a tag can be moved after it was tested, and is refused."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$")]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Release(_File):
    """One model version, by content.

    Attributes:
        model: name of the model.
        version: of the model; the folder of its artifact.
        artifact_sha256: hash of the artifact; a pod that finds another never gets ready.
        image: the serving image, default None: the environment's own. Outside `local` it pins the code that
            was tested with the model.
    """

    model: Name
    version: Name
    artifact_sha256: Sha256
    image: DigestReference | None = None


class Images(_File):
    """The images of an environment, by content.

    Attributes:
        serving: the inference service.
        pipeline: the training Job.
        envoy: the proxies at the edge.
        envoy_gateway: their controller.
    """

    serving: DigestReference
    pipeline: DigestReference
    envoy: DigestReference
    envoy_gateway: DigestReference


Model = TypeVar("Model", bound=_File)


def load_release(stack: str, folder: Path = RELEASES) -> Release | None:
    """What the release file says, None if there is none: then nothing is served.

    Raises:
        ConfigError: the file is not a release.
    """
    return _load(folder / f"{stack}.yaml", Release)


def load_images(stack: str, configured: Images | None, folder: Path = RELEASES) -> Images:
    """The images built on this machine if there are any, else those of the config.

    Args:
        stack: name of the stack.
        configured: what the config's `plinth:images` says.
        folder: where the release files are.

    Raises:
        ConfigError: the file is not a set of images, or there are none at all.
    """
    images = find_images(stack, folder) or configured
    if images is None:
        raise ConfigError(
            f"Stack {stack}",
            [
                (
                    f"no images are named, neither in releases/{stack}.images.yaml nor in the config. "
                    "Locally `make up` builds them and writes the file; elsewhere put their digests under "
                    "plinth:images."
                )
            ],
        )
    return images


def find_images(stack: str, folder: Path = RELEASES) -> Images | None:
    """The images built on this machine, None if none were.

    Raises:
        ConfigError: the file is not a set of images.
    """
    return _load(folder / f"{stack}.images.yaml", Images)


def _load(path: Path, model: type[Model]) -> Model | None:
    try:
        content: Any = yaml.safe_load(path.read_text())
        return model.model_validate(content)
    except FileNotFoundError:
        return None
    except yaml.YAMLError as error:
        raise ConfigError(path.name, [f"it is not YAML: {error}. Mend it, or delete it."]) from error
    except ValidationError as error:
        raise ConfigError(path.name, findings_of(error)) from error
