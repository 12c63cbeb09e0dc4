# make demo   the main job on the committed flight, into demo-out/
# make test   everything CI runs
# make setup  only prepare this machine (Debian with Rust, a C compiler and Python)

.PHONY: demo setup test bench

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

# Figures of BENCHMARKS.md: about ten minutes on two free cores.
bench: setup
	$(CARGO) build --release --quiet
	ln -sf ../../.setup/onnxruntime/libonnxruntime.so target/release/libonnxruntime.so
	test -x .setup/bench/bin/python || python3 -m venv .setup/bench
	.setup/bench/bin/pip install --quiet --disable-pip-version-check onnxruntime==1.32.0 numpy
	.setup/bench/bin/python benches/peers/onnxruntime_limit.py
	$(CARGO) bench --bench stages -- --quiet
