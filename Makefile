# The front door: thin, so that people and CI run the same tools the same way. `make help` lists what there is.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
ARGS ?= tests
NOTEBOOKS ?= notebooks
TIMED := tests/peer/test_cancels.py tests/peer/test_blocking.py tests/notebook/test_lab.py

VENV := .venv
BIN := $(VENV)/bin
PROTO_VENV := build/proto-venv
BINDER_VENV := build/binder-venv
# Kernels are tested with these beside the installed one; tests/notebook/kernels.py names the same.
KERNEL_VERSIONS := 6.29.5 7.3.0
KERNELS := $(KERNEL_VERSIONS:%=build/ipykernels/%/.made)
# The Python that binder/environment.yml asks for where it is installed, else the one above.
BINDER_PYTHON ?= $(shell p=python$$(sed -n 's/^ *- python=//p' binder/environment.yml); \
	"$$p" -c '' 2>/dev/null && echo "$$p" || echo '$(PYTHON)')
IN_BINDER := PATH="$(CURDIR)/$(BINDER_VENV)/bin:$$PATH"
PIP := -m pip --disable-pip-version-check install --quiet
# Set for a test that regenerates the stubs; without it that test says that it was skipped.
export PROTO_PYTHON ?= $(wildcard $(CURDIR)/$(PROTO_VENV)/bin/python)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo test lint types contracts unit faults kernels notebooks bench proto proto-tools peer-venvs torch binder clean

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/:/' | \
		while IFS=: read -r name text; do printf '  make %-12s%s\n' "$$name" "$$text"; done
	@echo '  PYTHON=...        the interpreter for .venv, 3.11 or newer (now: $(or $(PYTHON),none found))'

demo: $(BIN)/.demo  ## install, start a peer as a process of its own, run the first notebook against it
	$(BIN)/blazen-nb demo

test: lint types contracts unit notebooks  ## everything a change must pass
	@echo 'make test: lint, types, contracts, unit and notebooks passed'

lint: $(BIN)/.test  ## style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(BIN)/.test  ## mypy strict on the package and its tests
	$(BIN)/mypy blazen_nb tests

contracts: $(BIN)/.test  ## which layer may import which
	$(BIN)/lint-imports

# In two lanes: kernels and browsers mostly wait. The second lane's output comes when the first has ended. What holds
# times of the clock runs after both, with nothing beside it.
unit: $(BIN)/.test kernels  ## all tests but the notebooks; ARGS="tests/unit -k reducer" narrows it
ifeq ($(ARGS),tests)
	@mkdir -p build; $(BIN)/pytest -p no:cacheprovider tests/notebook $(TIMED:%=--ignore=%) >build/notebook-tests.log 2>&1 & lane=$$!; \
		$(BIN)/pytest tests --ignore=tests/notebook $(TIMED:%=--ignore=%); status=$$?; \
		wait $$lane || status=$$?; cat build/notebook-tests.log; \
		$(BIN)/pytest $(TIMED) || status=$$?; exit $$status
else
	$(BIN)/pytest $(ARGS)
endif

faults: $(BIN)/.test  ## the tests that break connections and processes, in their full length
	BLAZEN_NB_FAULTS=full $(BIN)/pytest -s -o timeout=600 -o faulthandler_timeout=0 tests/faults tests/journal

kernels: $(KERNELS)  ## ipykernels of other versions, for the tests that start them

# A session of its own: one kernel a notebook, outputs compared with the saved ones. Warnings of the kernel's
# own libraries are theirs to mend, and a cell may take longer than a unit test. In a runtime folder of its own the
# notebook finds no peer of yours.
notebooks: $(BIN)/.test  ## run the notebooks and compare every output with the saved one
	mkdir -p -m 700 build/runtime
	JUPYTER_RUNTIME_DIR='$(CURDIR)/build/runtime' BLAZEN_NB_STATIC=1 $(BIN)/pytest --nbval --nbval-sanitize-with notebooks/sanitize.cfg \
		--nbval-cell-timeout 120 -o timeout=180 -o filterwarnings=default $(NOTEBOOKS)

bench: $(BIN)/.test  ## measure and print the table of bench/README.md
	$(BIN)/python bench/run.py $(BENCH)

proto: proto-tools  ## generate the stubs from proto/ with the pinned tool
	$(PROTO_VENV)/bin/python -m grpc_tools.protoc -I proto --python_out=. --pyi_out=. \
		--grpc_python_out=. $$(cd proto && find . -name '*.proto' | sed 's|^\./||' | sort)

proto-tools: $(PROTO_VENV)/.made  ## the generator's own environment; with it the stubs are tested too

torch: $(BIN)/.test  ## PyTorch, large on a machine with GPUs; with it the tests of tensors run
	$(BIN)/python $(PIP) -c constraints.txt torch

peer-venvs: $(BIN)/python  ## environments of the other Pythons on this machine; with them peers of those are tested too
	$(BIN)/python tests/peer/pythons.py

binder:  ## a throw-away environment from binder's files, and notebook 01 in it
	rm -rf $(BINDER_VENV)
	'$(BINDER_PYTHON)' -m venv $(BINDER_VENV)
	$(IN_BINDER) binder/postBuild
	$(IN_BINDER) python $(PIP) -c constraints.txt pytest nbval
	$(IN_BINDER) BLAZEN_NB_STATIC=1 binder/start python -m pytest -c /dev/null --rootdir . -p no:cacheprovider \
		--nbval --nbval-sanitize-with notebooks/sanitize.cfg --nbval-cell-timeout 120 notebooks/01_first_cell.ipynb

clean:  ## remove everything that make made
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: an environment is made again only when what it is made from changed.
$(BIN)/python:
	@test -n '$(PYTHON)' || { echo 'No Python 3.11 or newer found; say make PYTHON=/path/to/python3' >&2; exit 1; }
	'$(PYTHON)' -m venv $(VENV)

$(BIN)/.demo: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python $(PIP) -c constraints.txt -e '.[demo]'
	@touch $@

$(BIN)/.test: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python $(PIP) -c constraints.txt -e '.[test]'
	@touch $@

$(PROTO_VENV)/.made: pyproject.toml
	@test -n '$(PYTHON)' || { echo 'No Python 3.11 or newer found; say make PYTHON=/path/to/python3' >&2; exit 1; }
	'$(PYTHON)' -m venv $(PROTO_VENV)
	$(PROTO_VENV)/bin/python $(PIP) 'pip>=25.1'
	$(PROTO_VENV)/bin/python $(PIP) --group proto
	@touch $@

# Without dependencies: they are the installed kernel's, all but the one that only the old line asks for.
build/ipykernels/%/.made: | $(BIN)/.test
	$(BIN)/python $(PIP) --no-deps --target $(@D) ipykernel==$* $(if $(filter 6.%,$*),nest-asyncio==1.6.0)
	@touch $@
