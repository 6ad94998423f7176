#!/usr/bin/env bash
# Installs idse (into .venv) and codes a real picture. Pictures and streams are written to out/.
# usage: scripts/quickstart.sh [PICTURE]      (default: scikit-image's photograph of an astronaut)
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/environment.sh
prepare photos
exec .venv/bin/python scripts/quickstart.py "$@"
