#!/bin/sh
# croniter takes the six fields of an AWS schedule, and reads the last one as seconds.
#
# Guess: `0 8 * * ? *`, which is 8:00 each day for AWS, is refused, or is 8:00 each day.
# Seen:  it is accepted and runs at each second from 8:00:00 to 8:00:59. Only a year such as 2030 is refused.
# So:    cut off the year before croniter reads an expression of a scheduled action.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check croniter==7.0.0
"$folder/venv/bin/python" - <<'PYTHON'
import datetime

from croniter import CroniterBadCronError, croniter

midnight = datetime.datetime(2030, 1, 1)
for expression in ("0 8 * * ? *", "0 8 ? * MON-FRI *"):
    runs = croniter(expression, midnight)
    times = [runs.get_next(datetime.datetime) for _ in range(61)]
    print(expression, "runs at", *(time.strftime("%a %H:%M:%S") for time in (times[0], times[1], times[59], times[60])))
    assert [time.second for time in times[:60]] == list(range(60))
    assert all((time.hour, time.minute) == (8, 0) for time in times)
try:
    croniter("0 8 * * ? 2030", midnight)
    raise SystemExit("a year is accepted")
except CroniterBadCronError as error:
    print(error)
PYTHON
