#!/bin/sh
# The AWS CLI's check of a command without sending it accepts values that no service has.
#
# Guess: `--generate-cli-skeleton output`, which validates the inputs of a command, refuses a value that is not of its enumeration.
# Seen:  it refuses an unknown option, and accepts a permission model that does not exist.
# So:    such a check of documented commands finds a misspelt option, and no misspelt value.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check awscli==1.46.3
export AWS_ACCESS_KEY_ID=none AWS_SECRET_ACCESS_KEY=none AWS_DEFAULT_REGION=us-east-1

check() {
  if "$folder/venv/bin/python" -m awscli "$@" --generate-cli-skeleton output >"$folder/told" 2>&1; then
    echo "accepted: $*"
  else
    echo "refused:  $*"
  fi
}

seen=$(
  set -- cloudformation create-stack-set --stack-set-name functions --template-body "{}"
  check "$@" --permission-model SERVICE_MANAGED
  check "$@" --permission-model SERVICE_MANGED
  check "$@" --permision-model SERVICE_MANAGED
)
echo "$seen"
[ "$(echo "$seen" | cut -d: -f1 | tr '\n' ' ')" = "accepted accepted refused " ]
