#!/usr/bin/env bash
# Starts ProjectLoom on http://localhost:3000 (PORT, HOST and the other settings: see .env.example). The first start
# makes the environment and builds the pages; after that it only checks that both are current.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

. scripts/environment.sh
ensure_environment requirements requirements.txt

# exec, so that the server itself receives the signals sent to this process.
exec .venv/bin/python -m projectloom.launch
