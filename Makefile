# make demo        the sample scan of the package: from raw T1 and FLAIR to the table of regional lesion load
# make demo-train  the whole training chain on a synthetic cohort
# make models LABELS=DIR MASKS=DIR PEOPLE="DIR DIR"   the shipped weights, from label maps, lesion masks and scans (docs/models.md)
# make test        style, types, import layers and all tests (which build the documentation and run its notebook)
# make docs        the documentation as a site: site/index.html
# All make .venv on first use and reuse it afterwards.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
DEMO   ?= demo_out
SAMPLE := yucca_wm/data/sample
MODELS ?= models_out

.PHONY: demo demo-train models test lint docs clean

demo: $(VENV)/.demo
	$(BIN)/yucca-wm predict --t1 $(SAMPLE)/T1.nii.gz --flair $(SAMPLE)/FLAIR.nii.gz --name sample --out-dir $(DEMO)

demo-train: $(VENV)/.demo
	$(BIN)/python -m yucca_wm.demo --out $(DEMO)_train

models: $(VENV)/.demo
	$(BIN)/python benchmarks/make_models.py --labels $(LABELS) $(if $(MASKS),--lesion-masks $(MASKS)) \
	  $(if $(PEOPLE),--people $(PEOPLE)) --out $(MODELS) $(FLAGS)

# Python keeps what it compiled, also where the environment forbids that: the tests start hundreds of processes.
test: $(VENV)/.test
	OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.test
	$(BIN)/python -m pytest -q tests/test_lint.py

docs: $(VENV)/.test
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# The environment is made once, and again when what it is made from changes. A failed install leaves no stamp.
# For the tests, Python compiles what they import, not all packages beforehand.
$(VENV)/.%: pyproject.toml constraints.txt
	@$(PYTHON) -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))" || \
	  { echo "Python 3.11, 3.12 or 3.13 is needed; try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@echo "installing into $(VENV) (several GB, about 4 minutes the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install $(if $(filter test,$*),--no-compile) --quiet --disable-pip-version-check -c constraints.txt -e '.[$*]'
	touch $@

clean:
	rm -rf $(VENV) $(DEMO) $(DEMO)_train site
