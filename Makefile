# make demo   the main job on the committed flight, into demo-out/
# make test   everything CI runs
# make test-tract  the pure-Rust runtime against ONNX Runtime: five minutes to compile
# make soak-frames  peak memory of 500 against 10,000 frames
# make map-page  a picture of the web tiles in a browser, docs/map.png: needs npm and chromium
# make setup  only prepare this machine (Debian with Rust, a C compiler and Python)

.PHONY: demo setup test test-tract bench soak-frames map-page

CARGO ?= cargo

setup:
	@.ci/setup

demo: setup
	$(CARGO) build --release --quiet
	ln -sf ../../.setup/onnxruntime/libonnxruntime.so target/release/libonnxruntime.so
	rm -rf demo-out
	target/release/heatveil run fixtures/flight/frames --out demo-out || test $$? -eq 3
	target/release/heatveil verify demo-out
	@.ci/show-demo

test:
	@.ci/setup test
	@.ci/check

# Not part of `make test`: tract takes about 300 CPU seconds to compile.
test-tract: setup
	$(CARGO) clippy --quiet --all-targets --features tract -- -D warnings
	$(CARGO) clippy --quiet --lib --no-default-features --features cli,tract -- -D warnings
	$(CARGO) test --quiet --features tract --test tract
	$(CARGO) test --quiet --features tract --lib detect::tract

# Peak memory of 500 against 10,000 frames, into soak-frames-DATE.txt: half an hour and 4 GB of disk.
soak-frames: setup
	$(CARGO) test --test soak -- --ignored --nocapture ten_thousand | tee soak-frames-$$(date -u +%F).txt

# docs/map.png from demo-heat, which `make test` leaves behind.
map-page:
	python3 tests/python/map_page.py demo-heat docs/map.png

# Figures of BENCHMARKS.md: about a quarter of an hour on two free cores.
bench: setup
	$(CARGO) build --release --quiet
	ln -sf ../../.setup/onnxruntime/libonnxruntime.so target/release/libonnxruntime.so
	test -x .setup/bench/bin/python || python3 -m venv .setup/bench
	.setup/bench/bin/pip install --quiet --disable-pip-version-check onnxruntime==1.32.0 numpy
	.setup/bench/bin/python benches/peers/onnxruntime_limit.py
	$(CARGO) bench --bench stages -- --quiet
	$(CARGO) bench --bench networks
	$(CARGO) bench --quiet --bench tiles
	$(CARGO) bench --quiet --bench log
