# make demo   the main job on the committed flight, into demo-out/
# make test   everything CI runs
# make test-tract  the pure-Rust runtime against ONNX Runtime, and the library without features: five minutes to compile
# make soak-frames  peak memory of 500 against 10,000 frames
# make soak-area  the same over twenty times the area
# make bench   the figures of BENCHMARKS.md; make peers only those against other programs
# make heat-seeds  heat loss of twenty simulated surveys against their truth: twenty minutes on one core
# make heat-walls  walls of a simulated oblique survey against their truth: some minutes
# make map-page  a picture of the web tiles in a browser, docs/map.png: needs npm and chromium
# make web     fetch the map library of `heatveil serve` (npm); build again afterwards
# make test-web  `heatveil serve` in a real browser: two minutes, needs chromium
# make report-page  the pages of `heatveil report` in a browser: accessibility, pictures to look at: needs npm and chromium
# make kill-loop       SIGKILL at random instants: KILLS=1000 take an hour   (results of these five: docs/assurance.md)
# make storage-faults  every STEP=10th call to the operating system that writes fails, in three ways: half an hour; CALL="sync rename" takes such calls alone
# make read-faults     every STEP=10th call that reads what the run wrote or was given fails, once and for good: half an hour
# make power-cuts      the power goes at every STEP=10th such call; what was not synced is lost: an hour
# make after-faults    kills and such faults at every STEP=1st call of release, cosign, review, audit, report and purge
# make noninterference  CASES=200 random flights with other pixels under their masks
# make shards     splits 1, 2, 7, 31 against one run, workers and Dask's workers killed at random, overhead: FRAMES=120, half an hour
# make objects    the same with an object store that fails, workers killed, an existing Dask scheduler, SLURM's script, Kubernetes' schemas: FRAMES=24, ten minutes
# make soak-night FLIGHTS=20 of FRAMES=500 each against one, networks and refined poses: peak memory; half an hour and 20 GB of disk
# make many-files  FILES=20000 that are no frames: memory of each
# make intruder   an attacker looks for people in what was published: ten minutes, into intruder/
# make mutants    small changes to MODULES="frame redact store audit", each of which must fail a unit test: two hours on a free core, into target/mutants/crate/mutants.out
# make coverage   lines of kernel, redaction, store and log that tests reach: twenty minutes, needs LLVM of rustc's version (apt)
# make fuzz   every reader of others' bytes for SECONDS=1800 each; make fuzz-short for 30 each, which CI does; make fuzz-long until each has had 1800
#             seconds of processor time, over as many runs as it takes   (fuzz/README.md)
# make dist   what is handed on, into dist/: program, runtime, bill of materials, hashes
# make reproducible  two builds in two folders, compared byte for byte
# make setup  only prepare this machine (Debian with Rust, a C compiler and Python)

.PHONY: demo program setup web test test-web test-tract bench peers soak-frames soak-area heat-seeds heat-walls map-page report-page
.PHONY: kill-loop storage-faults read-faults power-cuts after-faults noninterference soak-night many-files shards objects intruder coverage mutants fuzz fuzz-short fuzz-long dist reproducible

CARGO ?= cargo

setup:
	@.ci/setup

# The lockfile fixes every package by its hash; none of their scripts runs. build.rs looks for the bundle when it is touched.
web: .setup/web/licences.txt
	@test build.rs -nt $< || touch build.rs

.setup/web/licences.txt: src/web/package-lock.json src/web/bundle.js src/web/bundle.mjs
	@.ci/setup web
	mkdir -p .setup/web/npm
	cp src/web/package.json src/web/package-lock.json .setup/web/npm/
	npm ci --prefix .setup/web/npm --ignore-scripts --no-audit --no-fund --silent
	node src/web/bundle.mjs .setup/web/npm/node_modules .setup/web

# The program with its runtime beside it. After the web bundle, where that is asked for: it is compiled in. BESIDE names what is to be built with it:
# asked for by themselves, tests want other features of some crates, and the program would be compiled once more for them.
program: setup
	$(CARGO) build --release --quiet $(BESIDE)
	ln -sf ../../.setup/onnxruntime/libonnxruntime.so target/release/libonnxruntime.so

# An environment of packages with pinned hashes, for what only one command needs: target/$(1) from the list $(2).
define environment
	test -x target/$(1)/bin/python || python3 -m venv target/$(1)
	target/$(1)/bin/python -m pip install --quiet --require-hashes -r $(2)
endef

demo: program
	rm -rf demo-out
	target/release/heatveil run fixtures/flight/frames --out demo-out || test $$? -eq 3
	target/release/heatveil verify demo-out
	@.ci/show-demo

test:
	@.ci/setup test
	@.ci/check

# Pictures of what was seen lie in target/web/.
test-web: web program
	@.ci/setup browser
	node --test tests/web/units.test.mjs
	node --test tests/web/browser.test.mjs

# Not part of `make test`: tract takes about 300 CPU seconds to compile. So are lints and tests of the library without features.
test-tract: setup
	$(CARGO) clippy --quiet --all-targets --features tract -- -D warnings
	$(CARGO) clippy --quiet --lib --no-default-features -- -D warnings
	$(CARGO) clippy --quiet --lib --no-default-features --features cli,tract -- -D warnings
	$(CARGO) test --quiet --features tract --test tract
	$(CARGO) test --quiet --features tract --lib detect::tract
	$(CARGO) test --quiet --no-default-features --lib

# Peak memory of 500 against 10,000 frames, into soak-frames-DATE.txt: half an hour and 4 GB of disk.
soak-frames: setup
	$(CARGO) test --release --test soak -- --ignored --nocapture ten_thousand | tee soak-frames-$$(date -u +%F).txt

# Peak memory of 500 frames against 10,000 over twenty times the area: 5 GB of disk.
soak-area: setup
	$(CARGO) test --release --test soak -- --ignored --nocapture twenty_times | tee soak-area-$$(date -u +%F).txt

# The table of BENCHMARKS.md, into heat-seeds-DATE.txt.
heat-seeds: SHELL = /bin/bash
heat-seeds: .SHELLFLAGS = -o pipefail -c
heat-seeds: setup
	$(CARGO) test --release --test heat_loss -- --ignored --nocapture twenty_surveys | tee heat-seeds-$$(date -u +%F).txt

# Walls of a simulated oblique survey against their truth.
heat-walls: setup
	$(CARGO) test --release --test heat_loss -- --ignored --nocapture a_wall_is_as_warm

kill-loop: setup
	KILLS=$(or $(KILLS),1000) $(CARGO) test --release --test faults -- --ignored --nocapture kill::kills

storage-faults: setup
	STEP=$(or $(STEP),10) $(CARGO) test --release --test faults -- --ignored --nocapture inject::every_fault

read-faults: setup
	STEP=$(or $(STEP),10) $(CARGO) test --release --test faults -- --ignored --nocapture inject::every_read

power-cuts: setup
	STEP=$(or $(STEP),10) $(CARGO) test --release --test faults -- --ignored --nocapture crash::every

after-faults: setup
	STEP=$(or $(STEP),1) $(CARGO) test --release --test faults -- --ignored --nocapture after::every

soak-night: program
	@python3 tests/python/soak_night.py target/release/heatveil

noninterference: setup
	CASES=$(or $(CASES),200) $(CARGO) test --release --test suite -- --ignored --nocapture many_cases

# FRAMES=240 of a simulated flight; the answer is intruder/intruder.md.
intruder: program
	@.ci/setup test
	.setup/venv/bin/python tests/python/intruder.py target/release/heatveil intruder $(or $(FRAMES),240)

# Dask lies in its own environment, target/dask: only the driver in deploy/ needs it.
shards: program
	$(call environment,dask,deploy/dask/requirements.txt)
	target/dask/bin/python tests/python/shards.py target/release/heatveil shards-work $(or $(FRAMES),120)

# Everything listens on loopback; what it needs lies in target/objects.
objects: program
	$(call environment,objects,tests/python/objects.txt)
	target/objects/bin/python tests/python/objects.py target/release/heatveil objects-work $(or $(FRAMES),24)

coverage:
	@.ci/setup test
	@.ci/coverage

mutants:
	@.ci/mutants $(MODULES)

many-files: setup
	FILES=$(or $(FILES),20000) $(CARGO) test --release --test hostile -- --ignored --nocapture memory_of_many_files

fuzz:
	@.ci/fuzz $(or $(SECONDS),1800)

fuzz-short:
	@.ci/fuzz short 30

fuzz-long:
	@CLOCK=processor .ci/fuzz short $(or $(SECONDS),1800)

dist: setup web
	@.ci/dist

reproducible: setup web
	@.ci/reproducible

# docs/map.png from demo-heat, which `make test` leaves behind.
map-page:
	python3 tests/python/map_page.py demo-heat docs/map.png

# Pages of demo-heat, which `make test` leaves behind, into report-page/ with pictures; fails on any finding of axe-core.
report-page:
	rm -rf report-page
	target/release/heatveil report demo-heat --out report-page
	mkdir -p .setup/page
	cp tests/page/package.json tests/page/package-lock.json .setup/page/
	npm ci --prefix .setup/page --no-audit --no-fund --ignore-scripts --silent
	PACKAGES=.setup/page node tests/page/check.mjs report-page report-page/pictures

# Figures of BENCHMARKS.md: about half an hour on two free cores.
bench: peers
	$(CARGO) bench --bench stages -- --quiet
	$(CARGO) bench --bench networks
	$(CARGO) bench --quiet --bench tiles
	$(CARGO) bench --quiet --bench clearance
	$(CARGO) bench --quiet --bench log
	$(CARGO) bench --quiet --bench query
	$(CARGO) bench --quiet --bench buildings

# heatveil and other programs in turn on the same files, into peers-DATE.md: a quarter of an hour on two free cores.
peers: SHELL = /bin/bash
peers: .SHELLFLAGS = -o pipefail -c
peers: setup
	benches/peers/run | tee peers-$$(date -u +%F).md
