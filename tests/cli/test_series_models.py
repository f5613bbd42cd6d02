"""What the command line does with models of series that were saved from Python."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import elman as library


@pytest.mark.parametrize("name", ["ar", "narx"])
def test_info_prints_what_a_model_holds(elman: Callable[..., Any], tmp_path: Path, name: str) -> None:
    y = np.random.default_rng(0).normal(size=60)
    model = library.AR(2) if name == "ar" else library.NARX(2, network="linear")
    model.fit(y).save(tmp_path / "m.elman")
    code, out, err = elman("info", "m.elman", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == model.info()
    code, out, err = elman("info", "m.elman")
    assert (code, err) == (0, "")
    assert out.startswith("task ")
