#!/usr/bin/env bash
# Sets everything up (.venv) and does the main job on a real picture. Looks and streams go into out/.
# usage: scripts/quickstart.sh [PICTURE]      (default: scikit-image's photograph of an astronaut)
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/environment.sh
prepare photos
exec .venv/bin/python scripts/quickstart.py "$@"
