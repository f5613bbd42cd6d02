# make demo    train a language model on Shakespeare for two minutes, then write a scene
# make test    the whole test suite, after format, lint and types
# make sanitize  the kernels on random layers under the compiler's sanitizers; needs cmake
# Each sets up what it needs in .venv the first time, and starts at once afterwards.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check sanitize sanitize-address sanitize-thread clean
.DELETE_ON_ERROR:

demo: .venv/installed
	@mkdir -p demo
	$(BIN)/elman train lm --corpus shakespeare --time 2m -o demo/bard.elman
	@echo
	$(BIN)/elman generate demo/bard.elman --prompt "ROMEO:" --length 600 --temperature 0.8 --seed 1

# One test process a core, so one thread a process: two threads each would only wait for one another.
# Tests that are about threads set their number themselves.
test: check
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto

check: .venv/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# Accesses beyond an array and undefined behaviour; then races between threads. Builds without Python, in build/.
sanitize: sanitize-address sanitize-thread

sanitize-address: SANITIZERS := address,undefined
sanitize-address: CASES := 1000
sanitize-thread: SANITIZERS := thread
sanitize-thread: CASES := 400
sanitize-address sanitize-thread:
	cmake -S . -B build/$@ -DELMAN_SANITIZE=$(SANITIZERS) >/dev/null
	cmake --build build/$@ --parallel 2
	TSAN_OPTIONS=die_after_fork=0 build/$@/sanitize $(CASES)

# An editable install: changed Python files count at once, changed kernels lead here and are compiled again.
.venv/installed: pyproject.toml constraints.txt CMakeLists.txt $(wildcard kernels/*)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Elman needs Python 3.11 or newer; name one: make PYTHON=python3.12" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

clean:
	rm -rf .venv build demo
