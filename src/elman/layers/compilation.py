"""What torch.compile leaves alone."""

from collections.abc import Callable
from typing import Any

import torch


def leave_to_python(function: Callable[..., Any]) -> None:
    """Have torch.compile run a function, and all that it calls, as it stands, where it would compile it by itself.

    A caller that is compiled may still have it in its graph.  `torch.compiler.disable` does more, but imports
    torch._dynamo for it, which takes seconds.
    """
    frames: Any = torch._C._dynamo.eval_frame
    if hasattr(frames, "set_code_exec_strategy"):  # from torch 2.7 on
        skip = frames._FrameAction.SKIP
        frames.set_code_exec_strategy(function.__code__, frames._FrameExecStrategy(skip, skip))
    elif hasattr(frames, "skip_code"):
        frames.skip_code(function.__code__)
