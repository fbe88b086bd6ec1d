"""The style sheet of the page: light and dark as the reader's system is, and fit for paper."""

from __future__ import annotations

import base64
import hashlib

from orchestrator.reporting.marks import rules

_BASE = """
:root { color-scheme: light dark; --ink: #1f2328; --paper: #ffffff; --line: #8c959f; --soft: #f6f8fa; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --paper: #0d1117; --line: #6e7681; --soft: #161b22; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem; max-width: 72rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin: 0 0 .5rem; }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1rem; margin: .75rem 0 .25rem; }
code, pre { font: 13px/1.45 ui-monospace, monospace; }
pre { margin: .25rem 0; padding: .5rem; background: var(--soft); border: 1px solid var(--line);
  white-space: pre-wrap; unicode-bidi: isolate; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: .5rem 0; }
dt { font-weight: 600; }
dd { margin: 0; unicode-bidi: isolate; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid var(--line);
  unicode-bidi: isolate; }
td.number, th.number { text-align: right; white-space: nowrap; }
ul, ol { margin: .25rem 0; padding-left: 1.5rem; }
summary { cursor: pointer; }
.badge { display: inline-block; padding: 0 .5rem; border: 1px solid var(--line); border-radius: .25rem;
  font-weight: 600; }
.counts { display: flex; flex-wrap: wrap; gap: .5rem; list-style: none; padding: 0; }
svg { width: 100%; height: auto; }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
svg line { stroke: var(--line); }
svg line.stop { stroke: var(--ink); stroke-width: 2; stroke-dasharray: 4 3; }
svg rect { stroke: var(--line); stroke-width: 1; }
@media print { body { max-width: none; padding: 0; } h2 { break-after: avoid; } tr { break-inside: avoid; } }
"""


def style_sheet() -> str:
    """All rules."""
    return f"{_BASE}{rules()}\n"


def content_policy() -> str:
    """What the page may do: be styled by this very sheet. No script, no request, no form."""
    digest = base64.b64encode(hashlib.sha256(style_sheet().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
