from tests.metering.conftest import _quick_watching, world

__all__ = ["_quick_watching", "world"]
