# make demo   trains a language model on Shakespeare for about two minutes and writes a scene
# make test   the whole test suite
# Both set up what they need in .venv the first time, and start at once afterwards.

PYTHON ?= python3
BIN := .venv/bin
KERNELS := CMakeLists.txt $(wildcard kernels/*)

.PHONY: demo test check clean
.DELETE_ON_ERROR:

demo: .venv/installed
	@mkdir -p demo
	$(BIN)/elman train lm --corpus shakespeare --time 2m -o demo/bard.elman
	@echo
	$(BIN)/elman generate demo/bard.elman --prompt "ROMEO:" --length 600 --seed 1

test: check
	$(BIN)/pytest -n auto

check: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.venv/installed: pyproject.toml constraints.txt $(KERNELS)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

clean:
	rm -rf .venv build demo
