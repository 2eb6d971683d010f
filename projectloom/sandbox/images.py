"""How many tokens each provider counts for an image by its published formula.

Nothing is fetched: an image behind an address counts as the largest there is. The formulas:
https://platform.claude.com/docs/en/build-with-claude/vision#calculate-image-costs and
https://platform.openai.com/docs/guides/images-vision#calculating-costs.
"""

import math
import re

from projectloom.pictures import Size

MAX_IMAGE_BYTES = 5_242_880
MAX_IMAGE_PIXELS_A_SIDE = 8_000
MEDIA_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")

_ANTHROPIC_PIXELS_PER_TOKEN = 750
_ANTHROPIC_EDGE, _ANTHROPIC_TOKENS = 1_568, 1_600
_ANTHROPIC_FINE_EDGE, _ANTHROPIC_FINE_TOKENS = 2_576, 4_784
# From Opus 4.7 on, models see images finer.
_ANTHROPIC_COARSE = re.compile(r"claude-(3|\w+-4(-[0-6])?(-\d{8})?$)")

_PATCH, _MAX_PATCHES, _LOW_EDGE = 32, 1_536, 512
_TILE, _TILED_EDGE, _TILED_SHORT_EDGE = 512, 2_048, 768
# Tokens for the image and for each tile of it.
_TILED = {"gpt-4o": (85, 170), "gpt-4.1": (85, 170), "gpt-4.5": (85, 170), "gpt-5": (70, 140), "o1": (75, 150)}
_PATCH_FACTORS = {"mini": 1.62, "nano": 2.46}


def anthropic_tokens(model: str, size: Size | None) -> int:
    """Tokens of an image of this size; of the largest there is if the size is not known."""
    coarse = _ANTHROPIC_COARSE.match(model) is not None
    edge, most = (_ANTHROPIC_EDGE, _ANTHROPIC_TOKENS) if coarse else (_ANTHROPIC_FINE_EDGE, _ANTHROPIC_FINE_TOKENS)
    if size is None:
        return most
    scale = min(1.0, edge / max(size))
    return max(1, min(most, math.ceil(size[0] * size[1] * scale * scale / _ANTHROPIC_PIXELS_PER_TOKEN)))


def openai_tokens(model: str, size: Size | None, *, detail: str) -> int:
    """Tokens of an image of this size; of the largest there is if the size is not known.

    Models that publish no formula of their own count one token for each patch of 32 by 32 pixels.
    """
    small = next((factor for name, factor in _PATCH_FACTORS.items() if name in model), None)
    tiled = next((costs for name, costs in _TILED.items() if model.startswith(name)), None) if small is None else None
    if tiled is not None:
        base, each = tiled
        return base if detail == "low" else base + each * _tiles(size or (_TILED_SHORT_EDGE, _TILED_EDGE))
    if detail == "low":
        shrunk = min(1.0, _LOW_EDGE / max(size)) if size else 1.0
        size = (math.ceil(size[0] * shrunk), math.ceil(size[1] * shrunk)) if size else (_LOW_EDGE, _LOW_EDGE)
    return math.ceil((_patches(size) if size else _MAX_PATCHES) * (small or 1.0))


def _tiles(size: Size) -> int:
    scale = min(1.0, _TILED_EDGE / max(size))
    scale = min(scale, _TILED_SHORT_EDGE / min(size))
    return math.ceil(size[0] * scale / _TILE) * math.ceil(size[1] * scale / _TILE)


def _patches(size: Size) -> int:
    width, height = size
    count = math.ceil(width / _PATCH) * math.ceil(height / _PATCH)
    if count <= _MAX_PATCHES:
        return count
    scale = math.sqrt(_PATCH * _PATCH * _MAX_PATCHES / (width * height))
    across, down = width * scale / _PATCH, height * scale / _PATCH
    # One side is made whole patches, so that the other's rounding up stays below the most there may be.
    scale *= min(max(1, math.floor(across)) / across, max(1, math.floor(down)) / down)
    return min(_MAX_PATCHES, math.ceil(width * scale / _PATCH) * math.ceil(height * scale / _PATCH))
