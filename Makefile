# `make app` opens the dashboard, `make demo` the Gradio demo, `make test` tests, `make lint` checks style and types,
# `make test-slow` runs the tests that take long and guard what seldom changes;
# `make test-faults` breaks trainings on purpose, all the ways of docs/reliability.md, and writes the table there.
# `make test-season` is the week of a pathologist in a browser, with SEASON_PHOTOS=400 photos of 12 megapixels.
# `make bench-pages` records how long the pages take in a browser, see docs/benchmarks.md.
# All use the environment .venv and make it on the first call. PORT=8600 chooses a port, PHOTOS=DIR
# names a copy of the photos of a run that ships without them, CPU=1 the small wheels of torch.

PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3.14 python3,$(shell command -v $(name))))
VENV_PYTHON := .venv/bin/python
SMALL := $(if $(CPU),--cpu)

.PHONY: app demo test test-slow test-faults test-season bench-pages lint set-up set-up-tests

app:
	@$(PYTHON) start.py $(SMALL) $(if $(PORT),--port $(PORT)) $(if $(PHOTOS),--photos "$(PHOTOS)")

demo: set-up
	@$(VENV_PYTHON) -m app.gradio_demo

# One thread each: two workers with two threads each stand in each other's way.
test: set-up-tests
	@OMP_NUM_THREADS=1 $(VENV_PYTHON) -m pytest -n 2 --dist loadfile

test-slow: set-up-tests
	@OMP_NUM_THREADS=1 $(VENV_PYTHON) -m pytest -n 2 --dist loadfile -m slow

test-faults: set-up-tests
	@$(VENV_PYTHON) -m pytest -m "case or faults" --table=docs/reliability.md

test-season: set-up-tests
	@$(VENV_PYTHON) -m pytest -m season -s tests/browser/test_season_journey.py

bench-pages: set-up-tests
	@$(VENV_PYTHON) -m tests.benchmarks.pages

lint: set-up-tests
	@$(VENV_PYTHON) -m ruff check .
	@$(VENV_PYTHON) -m ruff format --check --quiet .
	@$(VENV_PYTHON) -m mypy

set-up:
	@$(PYTHON) start.py --set-up $(SMALL)

set-up-tests:
	@$(PYTHON) start.py --set-up --tests $(SMALL)
