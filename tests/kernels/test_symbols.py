"""The objects of one instruction set export their table and nothing else."""

import shutil
import subprocess
from pathlib import Path

import pytest

KERNELS = Path(__file__).parents[2] / "kernels"
FLAGS = {
    "portable": [],
    "avx2": ["-mavx2", "-mfma"],
    "avx512": ["-mavx512f", "-mavx512vl", "-mavx512dq", "-mavx512bw", "-mfma"],
}


@pytest.mark.skipif(not (KERNELS.exists() and shutil.which("g++") and shutil.which("nm")), reason="needs g++ and nm")
@pytest.mark.parametrize("isa", FLAGS)
def test_only_the_table_is_exported(isa: str, tmp_path: Path) -> None:
    # Without optimisation nothing is inlined by luck: an inline or template function with external linkage, of ours
    # or of the standard library, would stand here as a weak symbol, and the linker could give an old processor the
    # copy that was compiled for a new one.
    built = tmp_path / "kernels.o"
    command = ["g++", "-std=c++20", "-O0", "-Wno-psabi", "-DELMAN_ISA_NAME=" + isa, *FLAGS[isa], "-c"]
    subprocess.run([*command, str(KERNELS / "kernels.cc"), "-o", str(built)], check=True)
    listing = subprocess.run(
        ["nm", "-C", "--defined-only", "--extern-only", str(built)], check=True, capture_output=True, text=True
    ).stdout
    names = {line.split(maxsplit=2)[2] for line in listing.splitlines()}
    # Where a function can be unwound, GCC adds a pointer to the C++ runtime's routine for it: data, the same for all.
    assert names - {"DW.ref.__gxx_personality_v0"} == {f"elman::table_{isa}"}
