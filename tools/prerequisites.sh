#!/bin/sh
# One clear line for what is missing, before anything is made.
python=${1:-python3}
if ! command -v "$python" >/dev/null 2>&1; then
  echo "salessim needs Python 3.11, 3.12 or 3.13, but '$python' was not found; install it or run: make PYTHON=/path/to/python3.11" >&2
  exit 1
fi
"$python" - <<'PY' || exit 1
import sys
if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    sys.exit("salessim needs Python 3.11, 3.12 or 3.13, but %s is %d.%d; run: make PYTHON=/path/to/python3.11" % ((sys.executable,) + sys.version_info[:2]))
try:
    import ensurepip, venv
except ImportError:
    sys.exit("Python's venv module is missing; on Debian and Ubuntu: apt-get install python3-venv")
PY
