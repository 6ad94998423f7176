"""The codecs' networks; `build_codec` makes one from its settings."""

from __future__ import annotations

from idse.learned.optional_dependencies import require_compressai

require_compressai()

from idse.learned.models.autoregressive import AutoregressiveCodec  # noqa: E402
from idse.learned.models.base import Coded, Compressed, LatentCodec, pad, sum_bits  # noqa: E402
from idse.learned.models.hyperprior import ScaleHyperpriorCodec  # noqa: E402
from idse.learned.models.icm import IcmCodec  # noqa: E402
from idse.learned.models.mask import MaskNetwork, Salience, draw_to_mean, load_salience  # noqa: E402
from idse.learned.models.settings import MaskSettings, ModelSettings  # noqa: E402

__all__ = [
    "Coded",
    "Compressed",
    "LatentCodec",
    "MaskNetwork",
    "MaskSettings",
    "ModelSettings",
    "Salience",
    "build_codec",
    "draw_to_mean",
    "load_salience",
    "pad",
    "sum_bits",
]

_CODECS: dict[str, type[LatentCodec]] = {
    "scale-hyperprior": ScaleHyperpriorCodec,
    "icm": IcmCodec,
    "joint-autoregressive": AutoregressiveCodec,
}


def build_codec(settings: ModelSettings, feature_channels: int | None = None) -> LatentCodec:
    """A codec's network with fresh weights.

    Args:
        settings: What to build.
        feature_channels: Channels of the features that the mask network sees (`Salience.channels`); needed with a mask.

    Raises:
        IdseError: CompressAI is missing.
        ValueError: A mask without `feature_channels`.
    """
    mask = None
    if settings.mask is not None:
        if feature_channels is None:
            raise ValueError("a mask network needs the number of feature channels")
        mask = MaskNetwork(settings.mask, feature_channels, settings.latent)
    return _CODECS[settings.system](settings, mask)
