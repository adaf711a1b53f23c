# make app   start the lab and print its address (PORT=8502, ADDRESS=0.0.0.0 to change where)
# make test  everything a change must pass; make test-slow: many seeds, long training, load
.PHONY: app test test-slow setup setup-dev clean

# The first Python that is new enough; PYTHON=/path/to/python chooses another.
CANDIDATES := $(or $(PYTHON),python3.12 python3.13 python3.11 python3.14 python3 python)
FIND := for p in $(CANDIDATES); do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && exec "$$p" scripts/setup.py
NONE := done; echo "SegLab needs Python 3.11 or newer; found none among: $(CANDIDATES)." >&2; \
	echo "Install one (python.org, apt, dnf, brew), or name it: make app PYTHON=/path/to/python3" >&2; exit 1
PY := .venv/bin/python

app: setup
	@exec $(PY) scripts/serve.py

test: setup-dev
	$(PY) scripts/chromium.py
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(PY) -m pytest -q --doctest-modules --doctest-glob=README.md seglab ui README.md
	OMP_NUM_THREADS=1 $(PY) -m pytest -q -n 2 --dist loadfile -m "not (slow or browser or alone)"
	$(PY) -m pytest -q -n 2 --dist worksteal -m "browser and not (alone or slow)"
	$(PY) -m pytest -q -m "alone and not slow"

test-slow: setup-dev
	$(PY) scripts/chromium.py
	$(PY) -m pytest -q -m slow

setup:
	@$(FIND) requirements.txt; $(NONE)

setup-dev:
	@$(FIND) requirements-dev.txt; $(NONE)

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
