"""From a job's `detector` to the object that judges."""

import importlib
import importlib.util
import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Final

from spanglass_detectors.detector import Detector, made
from spanglass_detectors.span import COLUMNS

#: Group of entry points in which packages offer their detectors.
GROUP: Final = "spanglass.detectors"
#: Those that come with Spanglass.
BUILT_IN: Final = {
    "bertscore": "spanglass_detectors.quality.bertscore:BertScoreDetector",
    "evaluate": "spanglass_detectors.quality.hub_metric:HubMetric",
    "pii": "spanglass_detectors.pii.detector:PiiDetector",
    "pii_rescan": "spanglass_detectors.pii.rescan:PiiRescan",
    "quality": "spanglass_detectors.quality.detector:QualityDetector",
    "grounding": "spanglass_detectors.quality.grounding:GroundingDetector",
    "judge": "spanglass_collector.judging.detector:ModelJudge",
    "judge_panel": "spanglass_collector.judging.panel:JudgePanel",
    "safety": "spanglass_detectors.safety.detector:SafetyDetector",
}


class DetectorError(Exception):
    """A detector can't be loaded; the message says what to do."""


def offered() -> dict[str, str]:
    """Detectors that are installed, by name, with where they are."""
    found = {point.name: point.value for point in _points()}
    return {**found, **BUILT_IN}


def _points() -> list[EntryPoint]:
    return list(entry_points(group=GROUP))


def load(name: str, options: dict[str, Any], folder: Path | None = None) -> Detector:
    """The detector of a name, MODULE:NAME or FILE.py:NAME.

    Args:
        name: as it stands in the settings.
        options: what it is made with.
        folder: where relative paths begin.

    Raises:
        DetectorError: if there is none, or it can't be made.
    """
    path = offered().get(name, name)
    place, separator, attribute = path.rpartition(":")
    if not separator:
        raise DetectorError(
            f"There is no detector {name!r}. Installed are {', '.join(sorted(offered()))};"
            " others are given as MODULE:NAME or FILE.py:NAME."
        )
    try:
        module = _of_file(place, folder) if place.endswith(".py") else _of_module(place)
        found = getattr(module, attribute)
        detector = made(found, options)
    except DetectorError:
        raise
    except Exception as error:
        raise DetectorError(
            f"The detector {name!r} can't be loaded: {type(error).__name__}: {error}"
        ) from error
    unknown = set(detector.columns) - set(COLUMNS)
    if unknown:
        raise DetectorError(f"The detector {name!r} asks for unknown columns: {sorted(unknown)}.")
    return detector


def _of_module(name: str) -> Any:
    return importlib.import_module(name)


def _of_file(place: str, folder: Path | None) -> Any:
    path = (folder or Path.cwd()) / Path(place).expanduser()
    if not path.is_file():
        raise DetectorError(f"There is no file {path}. Check the job's `detector`.")
    spec = importlib.util.spec_from_file_location(f"spanglass_detector_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise DetectorError(f"{path} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    # Before it runs: dataclasses look themselves up there.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
